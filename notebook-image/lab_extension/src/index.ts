import { drive, saving } from './contents/index.js';
import { history } from './history/index.js';
import { sessions } from './sessions/index.js';

export default [drive, saving, history, sessions];
