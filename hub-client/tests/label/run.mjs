// node run.mjs STEP ADDRESS [MORE…]: one step of the story in a browser; exits with 1 and says why when it fails.

const [, , step, address, ...more] = process.argv;
const { default: run } = await import(`./steps/${step}.mjs`);
await run(address, ...more);
console.error(`${step}: as it should be`);
