import { drive, saving } from './contents/index.js';
import { sessions } from './sessions/index.js';

export default [drive, saving, sessions];
