// Four projects, from fast to slow. `unit` needs nothing but Node; `sdk` runs the vendors' SDKs in a Linux network
// namespace; `integration` needs a real API server and `e2e` a real kubelet: both read the cluster from KUBECONFIG, which
// the Makefile sets.
const typescript = {
  testEnvironment: 'node',
  extensionsToTreatAsEsm: ['.ts'],
  transform: {
    '^.+\\.ts$': ['@swc/jest', { jsc: { parser: { syntax: 'typescript' }, target: 'es2023' } }],
  },
};

export default {
  projects: [
    {
      ...typescript,
      displayName: 'unit',
      testMatch: ['<rootDir>/{crds,operator,sidecar,cli,test,charts}/**/*.test.ts'],
      testPathIgnorePatterns: [
        '/node_modules/',
        '<rootDir>/test/sdk/',
        '<rootDir>/test/integration/',
        '<rootDir>/test/e2e/',
      ],
    },
    { ...typescript, displayName: 'sdk', testMatch: ['<rootDir>/test/sdk/**/*.test.ts'] },
    { ...typescript, displayName: 'integration', testMatch: ['<rootDir>/test/integration/**/*.test.ts'] },
    { ...typescript, displayName: 'e2e', testMatch: ['<rootDir>/test/e2e/**/*.test.ts'] },
  ],
};
