/**
 * Must be the first import of the page and of the worker. The schema library probes whether it may compile code at run
 * time as soon as a schema is used; the content policy forbids that, and the probe alone counts as a violation.
 */
import { config } from 'zod';

config({ jitless: true });
