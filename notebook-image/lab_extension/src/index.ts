import { drive, moving, saving } from './contents/index.js';
import { files } from './files/index.js';
import { history } from './history/index.js';
import { jobs } from './jobs/index.js';
import { sessions } from './sessions/index.js';

export default [drive, moving, saving, history, files, sessions, jobs];
