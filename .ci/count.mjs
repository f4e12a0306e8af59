// Adds up the reports of vitest given as arguments into one line, "N passed, N failed".
import { readFileSync } from 'node:fs';

const counts = process.argv.slice(2).map((file) => {
  try {
    const { numTotalTests, numPassedTests, numFailedTests, testResults } = JSON.parse(readFileSync(file, 'utf8'));
    // For instance for lack of Python 3.13.
    if (numTotalTests === 0) throw new Error(`${file} tells of no test`);
    // A file that could not even be loaded counts as one failure.
    const broken = testResults.filter((each) => each.status === 'failed' && each.assertionResults.length === 0).length;
    return { passed: numPassedTests, failed: numFailedTests + broken };
  } catch (error) {
    // A run that did not get as far counts as one failure, too.
    console.error(error.message);
    return { passed: 0, failed: 1 };
  }
});
const sum = (name) => counts.reduce((total, each) => total + each[name], 0);
console.log(`${sum('passed')} passed, ${sum('failed')} failed`);
