import { Octokit } from '@octokit/rest';
import { call, denied } from './calls.mjs';

const octokit = new Octokit({ auth: process.env.GITHUB_TOKEN, log: { debug() {}, info() {}, warn() {}, error() {} } });
const site = { owner: 'acme', repo: 'site' };
await call('github.repo.get', () => octokit.rest.repos.get(site));
await call('github.issue.create', () => octokit.rest.issues.create({ ...site, title: 'Printer' }));
await call('github.pr.list', () => octokit.paginate(octokit.rest.pulls.list, site));
await call('github.pr.create', () => octokit.rest.pulls.create({ ...site, base: 'main', head: 'agent/x', title: 'A title' }));
await call('github.file.create', () => octokit.rest.repos.createOrUpdateFileContents({ ...site, path: 'a/b.txt', message: 'first', content: 'aGk=' }));
await call('github.file.get', () => octokit.rest.repos.getContent({ ...site, path: 'a/b.txt', ref: 'agent/x' }));
await call('github.branch.create', () => octokit.rest.git.createRef({ ...site, ref: 'refs/heads/agent/y', sha: 'c'.repeat(40) }));
await denied('github.repo.delete', () => octokit.rest.repos.delete(site));
