import { connectionId } from '../../shared/ids.ts';
