import type { TrainerId } from '../../shared/ids.ts';
import { adviceFor } from '../../shared/operations/advice.ts';
import { type TrainerHistory, type TrainerMoment, trainerHistory } from '../../shared/operations/trainer-history.ts';
import type { Answer } from '../answer.ts';
import { NotFoundError } from '../errors.ts';
import { openParts } from '../parts.ts';
import { plainName } from '../plain-text.ts';
import { wordsOf } from '../repair-words.ts';
import type { Style } from '../style.ts';
import { table } from '../table.ts';
import type { TargetOptions } from '../target.ts';
import { time } from '../words.ts';

export async function trainerCommand(id: string, options: TargetOptions): Promise<Answer> {
  const parts = await openParts(options);
  const history = await trainerHistory(id as TrainerId, parts);
  if (history === undefined) {
    throw new NotFoundError(
      `No connection of ${parts.target.name} knows that trainer. The id is OpenTrain’s opentrainUserId; deliveries --json shows it as trainerId.`,
    );
  }
  const moments = history.moments.map(({ at, ...moment }) => ({ at: new Date(at).toISOString(), ...moment }));
  return { data: { ...history, moments }, text: (style) => text(history, style) };
}

function text({ trainerId, displayName, contracts, seats, moments }: TrainerHistory, style: Style): string {
  const { width, paint } = style;
  const blocks = [
    paint('bold', displayName === null ? trainerId : `${plainName(displayName)} (${trainerId})`),
    table(
      ['CONNECTION', 'CONTRACT', 'PROJECT', 'STATE', 'FROM', 'TO', 'BUDGET'],
      contracts.map((one) => [
        one.connectionId,
        one.title === undefined ? one.contractId : `${one.contractId} ${plainName(one.title)}`,
        plainName(one.projectId ?? '-'),
        one.reason === undefined ? one.state : `${one.state}: ${one.reason}`,
        one.startDate ?? '-',
        one.endDate ?? '-',
        one.budget ?? '-',
      ]),
      width,
    ),
  ];
  const todo = contracts.flatMap(({ contractId, reason, steps = [] }) => {
    const advice = adviceFor(reason);
    return [...(advice === undefined ? [] : [`${contractId}: ${advice}`]), ...steps.map((step) => `  ${step}`)];
  });
  if (todo.length > 0) blocks.push(todo.join('\n'));
  if (seats.length > 0) {
    blocks.push(
      table(
        ['WORKSPACE', 'PROJECT', 'OPEN CONTRACTS', 'IS', 'AS IT SHOULD BE', 'MEMBER'],
        seats.map((seat) => [
          seat.workspaceId,
          seat.project,
          String(seat.openContracts),
          seat.applied ?? '-',
          seat.settled ? 'yes' : paint('yellow', 'not yet'),
          seat.memberId ?? '-',
        ]),
        width,
      ),
    );
  }
  blocks.push(
    table(
      ['WHEN', 'CONNECTION', 'EVENT', 'CONTRACT', 'ATTEMPT', 'OUTCOME', 'ASKED OF THE WORKSPACE', 'DELIVERY OR RUN'],
      moments.map((moment) => [
        time(moment.at),
        moment.connectionId,
        moment.repair === undefined ? (moment.eventType ?? '-') : `reconcile: ${moment.repair}`,
        moment.contractId ?? '-',
        String(moment.attempt ?? '-'),
        outcomeOf(moment),
        callsOf(moment),
        moment.deliveryId ?? moment.runId ?? '-',
      ]),
      width,
    ),
  );
  return blocks.join('\n\n');
}

function outcomeOf({ status, reason, why }: TrainerMoment): string {
  const outcome = reason === undefined ? status : `${status}: ${reason}`;
  return why === undefined ? outcome : `${outcome}, because ${wordsOf(why)}`;
}

const callsOf = ({ calls = [] }: TrainerMoment): string =>
  calls.map(({ call, project, answer }) => `${call} ${project}: ${answer}`).join('\n') || '-';
