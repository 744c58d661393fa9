import { describeForwarder } from './forwarder-conformance.ts';

describeForwarder('http-proxy-middleware');
describeForwarder('undici');
describeForwarder('routed');
