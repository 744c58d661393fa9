// Loaded before a program that would listen on all addresses: makes it listen on the loopback interface only.
import { Server } from 'node:net';

const listen = Server.prototype.listen;

Server.prototype.listen = function listenOnLoopback(port, ...rest) {
  const callback = rest.find((argument) => typeof argument === 'function');
  return listen.call(this, { port: Number(port), host: '127.0.0.1', backlog: 1024 }, callback);
};
