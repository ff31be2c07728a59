// Loaded into Node by `tollgate run` through NODE_OPTIONS=--require: makes `fetch` and `https.request` use the proxy variables
// in Node versions that ignore them, and every `https.Agent` in all. INVARIANT: does nothing where Node does it itself, and never
// breaks a program's start.
'use strict';

(() => {
  const [major, minor] = process.versions.node.split('.').map(Number);
  // NODE_USE_ENV_PROXY covers fetch, and the default agents of http and https, from these versions on.
  const isCovered = major > 24 || (major === 24 && minor >= 5) || (major === 22 && minor >= 21);

  const variable = (name) => process.env[name.toLowerCase()] || process.env[name] || '';
  const proxyUrl = variable('HTTPS_PROXY') || variable('ALL_PROXY') || variable('HTTP_PROXY');
  if (!proxyUrl) return;
  let proxy;
  try {
    proxy = new URL(proxyUrl);
  } catch {
    return;
  }
  if (proxy.protocol !== 'http:') return;

  const net = require('node:net');
  const tls = require('node:tls');
  const proxyHost = proxy.hostname.replace(/^\[|\]$/g, '');
  const proxyPort = Number(proxy.port || 80);
  const login = `${decodeURIComponent(proxy.username)}:${decodeURIComponent(proxy.password)}`;
  const authorization = `Basic ${Buffer.from(login).toString('base64')}`;

  // As curl reads NO_PROXY: `*`, or host suffixes with or without a leading dot, each with an optional port.
  function isExcluded(host, port) {
    const name = host.toLowerCase().replace(/^\[|\]$/g, '');
    return variable('NO_PROXY')
      .split(/[\s,]+/)
      .filter(Boolean)
      .some((entry) => {
        if (entry === '*') return true;
        const parts = /^(.*?)(?::(\d+))?$/.exec(entry.toLowerCase());
        const bare = net.isIPv6(entry) ? [entry.toLowerCase(), undefined] : [parts[1], parts[2]];
        if (bare[1] !== undefined && Number(bare[1]) !== port) return false;
        const suffix = bare[0].replace(/^\[|\]$/g, '').replace(/^\*?\./, '');
        return name === suffix || name.endsWith(`.${suffix}`);
      });
  }

  // Opens a tunnel and hands over the plain socket inside it.
  function openTunnel(host, port, done) {
    const authority = `${net.isIPv6(host) ? `[${host}]` : host}:${port}`;
    const socket = net.connect({ host: proxyHost, port: proxyPort });
    let head = Buffer.alloc(0);
    const fail = (error) => {
      socket.removeAllListeners();
      socket.on('error', () => {});
      socket.destroy();
      done(error);
    };
    socket.once('error', fail);
    socket.once('close', () => fail(new Error('the proxy closed the connection')));
    socket.once('connect', () => {
      socket.write(
        `CONNECT ${authority} HTTP/1.1\r\nHost: ${authority}\r\nProxy-Authorization: ${authorization}\r\n\r\n`,
      );
    });
    const onData = (chunk) => {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) {
        if (head.length > 65536) fail(new Error('the proxy answered CONNECT with an endless head'));
        return;
      }
      const status = Number(head.toString('latin1', 0, end).split(' ')[1]);
      if (status !== 200) {
        fail(new Error(`the proxy answered CONNECT ${authority} with ${status}`));
        return;
      }
      socket.removeAllListeners();
      const rest = head.subarray(end + 4);
      if (rest.length > 0) socket.unshift(rest);
      socket.setNoDelay(true);
      done(null, socket);
    };
    socket.on('data', onData);
  }

  // Opens a tunnel and, for https, speaks TLS inside it.
  function connectThrough(options, secure, done) {
    const host = (options.hostname || options.host || 'localhost').replace(/^\[|\]$/g, '');
    const port = Number(options.port) || (secure ? 443 : 80);
    const direct = isExcluded(host, port);
    const finish = (error, socket) => {
      if (error) return done(error, null);
      if (!secure) return done(null, socket);
      const servername = options.servername || (net.isIP(host) ? '' : host);
      const encrypted = tls.connect({ ALPNProtocols: ['http/1.1'], ...options.tls, host, port, path: null, socket, servername });
      const onError = (problem) => done(problem, null);
      encrypted.once('error', onError);
      encrypted.once('secureConnect', () => {
        encrypted.off('error', onError);
        done(null, encrypted);
      });
      return undefined;
    };
    if (!direct) return openTunnel(host, port, finish);
    const socket = net.connect({ host, port });
    socket.once('error', finish);
    socket.once('connect', () => {
      socket.off('error', finish);
      finish(null, socket);
    });
    return undefined;
  }

  // Where the bundled and the published undici keep the dispatcher of `fetch`; set once something of fetch has been touched.
  const slot = Symbol.for('undici.globalDispatcher.1');
  const realFetch = globalThis.fetch;
  let isInstalled = false;
  function install() {
    if (isInstalled) return;
    isInstalled = true;
    void globalThis.Response;
    const standard = globalThis[slot];
    // A program that brought its own dispatcher keeps it.
    if (!standard || standard.constructor.name !== 'Agent') return;
    const connect = (options, done) => {
      connectThrough(options, options.protocol === 'https:', done);
    };
    const dispatcher = new standard.constructor({ connect });
    globalThis[slot] = dispatcher;
  }
  if (!isCovered && typeof realFetch === 'function') {
    const fetch = function fetch(...args) {
      install();
      return realFetch.apply(this, args);
    };
    Object.defineProperty(globalThis, 'fetch', { value: fetch, writable: true, configurable: true, enumerable: true });
  }

  // Agents that connect as `https.Agent` does, also a program's own: the libraries of Stripe and AWS make such ones. A class that
  // connects in another way has chosen.
  function patchAgents(library) {
    const original = library.Agent.prototype.createConnection;
    library.Agent.prototype.createConnection = function createConnection(options, done) {
      const host = options.host || options.hostname || 'localhost';
      const isLocal = Boolean(options.socketPath || options.socket);
      const isDone = isCovered && Boolean(this && this.options && this.options.proxyEnv);
      if (isLocal || isDone || isExcluded(host, Number(options.port))) return original.call(this, options, done);
      connectThrough({ host, port: options.port, servername: options.servername, tls: tlsOptions(options) }, true, done);
      return undefined;
    };
  }
  function tlsOptions(options) {
    const names = ['ca', 'cert', 'key', 'pfx', 'passphrase', 'rejectUnauthorized', 'checkServerIdentity', 'minVersion', 'maxVersion', 'ciphers'];
    return Object.fromEntries(names.filter((name) => options[name] !== undefined).map((name) => [name, options[name]]));
  }
  patchAgents(require('node:https'));
})();
