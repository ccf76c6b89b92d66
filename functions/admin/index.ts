import { lambdaEdges } from '../lambda-edges.ts';
import { createAdminHandler } from './handler.ts';
import { createAdminParts, readAdminSettings } from './parts.ts';

const settings = readAdminSettings(process.env);

export const handler = createAdminHandler(createAdminParts(settings, lambdaEdges(settings.tableName)));
