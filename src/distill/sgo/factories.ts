/** One line a policy: this list is the table `policies`, and the public names. */
export { adaptiveOffPolicy } from './adaptiveOffPolicy.js';
export { dataOnly } from './dataOnly.js';
export { mixed } from './mixed.js';
export { offPolicy } from './offPolicy.js';
export { onPolicy } from './onPolicy.js';
