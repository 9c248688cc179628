/** One line a policy: this list is the table `policies`, and the public names. */
export { adaptiveOffPolicy } from './adaptiveOffPolicy.js';
export { offPolicy } from './offPolicy.js';
