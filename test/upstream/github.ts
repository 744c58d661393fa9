// GitHub: the REST API with its hosts for uploads and downloads, and github.com for git.
import { basicCredential } from './basic-auth.ts';
import { createGitRepositories, temporaryFolder } from './git-repositories.ts';
import { answerApi } from './github-api.ts';
import { createSignedFiles, SIGNED_HOSTS } from './github-files.ts';
import { answerGit } from './github-git.ts';
import { hostOf } from './host-call.ts';
import type { HostStub } from './host-stub.ts';
import { restStub, type CallHead } from './rest-call.ts';

const API_HOSTS = ['api.github.com', 'uploads.github.com'];
const GIT_HOST = 'github.com';

/** @param makeGitFolder makes the folder for git's repositories */
export function createGithubStub(makeGitFolder: () => string = temporaryFolder): HostStub {
  const repositories = createGitRepositories(makeGitFolder);
  const files = createSignedFiles();
  const rest = restStub({
    name: 'github',
    hosts: [...API_HOSTS, ...SIGNED_HOSTS],
    credential: apiCredential,
    answer: (call) => (SIGNED_HOSTS.includes(call.host) ? files.answer(call) : answerApi(call, files)),
  });
  return {
    name: 'github',
    hosts: [...rest.hosts, GIT_HOST],
    handle: (request, response, deps) =>
      hostOf(request) === GIT_HOST
        ? answerGit(repositories, request, response, deps)
        : rest.handle(request, response, deps),
  };
}

/** `token X` of Octokit and `Bearer X` of the rest mean the same */
function apiCredential({ headers }: CallHead): string | undefined {
  const token = /^(?:token|bearer) (.+)$/i.exec(headers.authorization ?? '')?.[1];
  return token ?? basicCredential(headers)?.password;
}
