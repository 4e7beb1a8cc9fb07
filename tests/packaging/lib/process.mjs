// Programs: run to their end, or kept running until a test is done with them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { stripVTControlCharacters } from "node:util";
import { environment } from "./places.mjs";

/** What tools write when something is not as it should be; Vite's bundler begins such a line with a code in brackets. */
const WARNING = /warn|deprecat|⚠|\(!\)|▲ \[|^\[[a-z_]+\]/im;

/** Fails on output that warns. */
export function refuseWarnings(name, output) {
  const text = stripVTControlCharacters(output);
  if (WARNING.test(text)) throw new Error(`${name} warns:\n${text}`);
}

/** Runs a program to its end; yields what it wrote to both outputs. Fails if it does. */
export async function run(program, args, cwd) {
  const child = spawn(program, args, { cwd, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const output = { stdout: "", stderr: "" };
  for (const name of ["stdout", "stderr"]) child[name].setEncoding("utf8").on("data", (text) => (output[name] += text));
  const [code] = await once(child, "close");
  if (code !== 0) throw new Error(`${program} ${args.join(" ")} ended with ${code}:\n${output.stdout}${output.stderr}`);
  return output;
}

/**
 * Starts a program and waits for the line of its output that `ready` finds something in.
 * Yields what was found, all output so far, and how to stop it.
 */
export async function start(program, args, { cwd, ready }) {
  const child = spawn(program, args, { cwd, env: environment, stdio: ["ignore", "pipe", "pipe"] });
  const ended = once(child, "exit");
  let output = "";
  const found = new Promise((resolve) => {
    for (const stream of [child.stdout, child.stderr]) {
      createInterface(stream).on("line", (line) => {
        output += `${line}\n`;
        const match = ready.exec(line);
        if (match) resolve(match);
      });
    }
  });
  const early = ended.then(([code]) => Promise.reject(new Error(`${program} ended with ${code}:\n${output}`)));
  const match = await Promise.race([found, early]);
  early.catch(() => {});
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) child.kill("SIGTERM");
    await ended;
  };
  return { match, output: () => output, stop };
}
