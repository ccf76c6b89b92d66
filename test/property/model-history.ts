import { type DeliveryParts, processDelivery } from '../../shared/deliveries/process-delivery.ts';
import type { DeliveryId, WorkspaceId } from '../../shared/ids.ts';
import { silentLogger } from '../../shared/logging.ts';
import { OpenTrainError } from '../../shared/opentrain/errors.ts';
import {
  type ReconcileOutcome,
  type ReconcileParts,
  reconcileConnection,
} from '../../shared/reconcile/reconcile-connection.ts';
import { createStore } from '../../shared/store/store.ts';
import type { Item, Key, Table } from '../../shared/store/table.ts';
import { WorkspaceUnavailableError } from '../../shared/workspace/errors.ts';
import type { AccessScope } from '../../shared/workspace/port.ts';
import { collect } from '../conformance/observe.ts';
import { choicesOf } from './choices.ts';
import { createMemoryTable } from './memory-table.ts';
import {
  CUSTOMERS,
  connectionOf,
  createWorld,
  type Glitch,
  jobOf,
  type ModelDelivery,
  type ModelLink,
  PROJECTS,
  projectOf,
  trainerOf,
  type World,
} from './model-world.ts';
import { createStepper, type NamedStep, type StartedWorker, type WaitingStep } from './stepper.ts';

/** What happens to a customer, by their number. */
export type Command =
  | { readonly kind: 'hire'; readonly customer: number; readonly job: number; readonly trainers: readonly number[] }
  /** One contract, or all of its job. */
  | { readonly kind: 'end'; readonly contract: number | 'newest'; readonly all: boolean }
  /** Before anybody is told of any of it. */
  | { readonly kind: 'at once'; readonly commands: readonly Command[] }
  | { readonly kind: 'link' | 'unlink'; readonly customer: number; readonly project: number; readonly job: number }
  | { readonly kind: 'revoke' | 'connect' | 'consent' | 'disable' | 'reconcile'; readonly customer: number }
  /** With the links of before, or none; `connects`: the operator gives the connector the new token at once. */
  | {
      readonly kind: 'reconnect';
      readonly customer: number;
      readonly keepsLinks: boolean;
      readonly connects: boolean;
      readonly links: boolean;
    }
  /** OpenTrain takes no token of theirs for a while, without a revocation. */
  | { readonly kind: 'refuse'; readonly customer: number; readonly isOn: boolean }
  | { readonly kind: 'by hand'; readonly project: number; readonly person: number; readonly isIn: boolean }
  /** What OpenTrain says next of a customer is not so. */
  | { readonly kind: 'glitch'; readonly customer: number; readonly glitch: Glitch }
  /** Only a person can let a trainer in, for a while. */
  | { readonly kind: 'bar'; readonly trainer: number; readonly isOn: boolean }
  /** Whoever is the next to write that of a grant crashes right after; a delivery goes to the dead-letter queue with it. */
  | { readonly kind: 'trap'; readonly state: Trap }
  /** All that is on its way arrives, and nothing is in its way. */
  | { readonly kind: 'quiet' }
  | { readonly kind: 'outage'; readonly side: 'opentrain' | 'workspace'; readonly calls: number }
  | { readonly kind: 'wait'; readonly minutes: number };

export type Trap = 'open' | 'ended' | 'suspended';

export interface ModelPlan {
  readonly accessScope: AccessScope;
  /** Whether trainers stay in when their project's link is removed. */
  readonly keepAfterUnlink: boolean;
  readonly commands: readonly Command[];
  /** Of eight deliveries, so many are lost; 8: all of them. */
  readonly lost: number;
  /** Who goes on, what fails, what crashes: consumed one by one, from the start again when used up. */
  readonly choices: readonly number[];
  /** How many crashes and failures there are at most. */
  readonly troubles: number;
  /** One step in so many. */
  readonly seldom: number;
  /** Whether deliveries that are left at the end are worked off, or lost. */
  readonly drains: boolean;
}

export interface ModelResult {
  /** What was wrong, on the way or at the end; none if all is well. */
  readonly problems: readonly string[];
  /** `place person` of everybody who is in at the end, sorted. */
  readonly access: readonly string[];
  readonly expected: readonly string[];
  /** What the history went through. */
  readonly seen: ReadonlySet<string>;
  readonly steps: number;
}

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const GRACE = 24 * HOUR;
const BEGIN = Date.parse('2026-06-01T12:00:00Z');
const WORKSPACE = 'default' as WorkspaceId;
/** People whom nobody ever hires. */
export const STRANGERS = 2;

/** Lives through one history of both sides; then waits until every period is over, and reconciles once in quiet. */
export async function runModel(plan: ModelPlan): Promise<ModelResult> {
  const history = createHistory(plan);
  await history.live();
  await history.endInQuiet();
  return history.result();
}

interface Alive {
  readonly customer: number;
  readonly delivery: ModelDelivery | undefined;
  /** Whether OpenTrain refused the customer's token when the worker began. */
  readonly isOff: boolean;
  /** How many deliveries were lost when it began. */
  readonly lost: number;
  readonly stop: AbortController;
}

function createHistory(plan: ModelPlan) {
  const world = createWorld(plan.accessScope);
  const table = createMemoryTable();
  const mirror = createMirror();
  const nextChoice = choicesOf(plan.choices);
  const stepper = createStepper();
  const workers = new Map<StartedWorker, Alive>();
  const pool: ModelDelivery[] = [];
  const underway: (() => Promise<void>)[] = [];
  const outage = { opentrain: 0, workspace: 0 };
  const problems: string[] = [];
  const seen = new Set<string>();
  /** When the token that the connector has was revoked. */
  const deadSince = new Map<number, number>();
  /** After a reconnect: links of before, which are waited for. */
  const kept = new Map<number, { readonly links: readonly ModelLink[]; readonly since: number }>();
  /** Customers of whom events alone do not tell all: where that is so once, only reconciliation knows. */
  const unfaithful = new Set<number>();
  /** `place person` of those who were moved by hand. */
  const moved = new Set<string>();
  /** Customers of whom OpenTrain has said what was not so. */
  const misled = new Set<number>();
  let trap: Trap | undefined;
  let lost = 0;
  let { troubles } = plan;
  let now = BEGIN;
  let steps = 0;
  let runs = 0;
  const clock = { now: () => now };
  const quietly: NamedStep = (_, perform) => perform();

  /** What one worker of a customer's works with, each request of it a step. */
  function partsFor(customer: number, step: NamedStep, isSettled: (place: string, trainer: string) => boolean) {
    const connectionId = connectionOf(customer);
    const ask: NamedStep = (name, perform) =>
      step(name, async () => {
        const side = name.endsWith('Access') ? 'workspace' : 'opentrain';
        if (outage[side] === 0) return perform();
        outage[side] -= 1;
        throw failureOf(name);
      });
    const workspace = world.workspaceFor(ask, (call, place, trainer) => {
      const hirers = world.everHired.get(`${place} ${trainer}`);
      const isWelcome = [...(hirers ?? [])].some((one) => world.consents.has(one));
      if (hirers === undefined || (call === 'ensure' && !isWelcome))
        problems.push(`${call} of ${trainer}, who was never hired for ${place}`);
      // While others are at work, somebody whom nobody claimed may be hired by another customer meanwhile.
      if (call === 'ensure' && workers.size === 0 && hirers?.has(customer) !== true)
        problems.push(`${connectionId} lets ${trainer} into ${place}, whom only others have hired`);
      if (call === 'revoke' && isSettled(place, trainer))
        problems.push(`${connectionId} takes ${trainer} out of ${place}, whose place it is`);
    });
    const parts: DeliveryParts & ReconcileParts = {
      store: createStore(steppedTable(step, (key, before, after) => watch(connectionId, key, before, after))),
      opentrain: (connection) => world.clientOf(Number(connection.slice(-1)), ask),
      placeOf: async (workspaceId) => ({ workspaceId, workspace }),
      clock,
      logger: silentLogger,
      topUpUrl: 'https://app.opentrain.ai/',
      keepAfterUnlink: plan.keepAfterUnlink,
      backOff: { baseSeconds: 1, capSeconds: 1 },
      random: () => 0,
      webhookUrl: () => undefined,
      graceMilliseconds: GRACE,
      intervalMilliseconds: 30 * MINUTE,
    };
    return parts;
  }

  function steppedTable(step: NamedStep, look: (key: Key, before: Item | undefined, after: Item) => void): Table {
    return {
      get: (key) => step(`get ${key.sk}`, () => table.get(key)),
      getAll: (keys) => step('getAll', () => table.getAll(keys)),
      change: (key, change) =>
        step(`change ${key.sk}${key.sk.startsWith('GRANT#') ? ` ${change.set?.state}` : ''}`, async () => {
          const changed = await table.change(key, change);
          if (changed.kind === 'changed') {
            look(key, mirror.get(key), changed.item);
            mirror.put(key, changed.item);
          }
          return changed;
        }),
      async *list(pk, prefix) {
        yield* await step(`list ${prefix}`, () => collect(table.list(pk, prefix)));
      },
    };
  }

  /** Invariants of every single write. */
  function watch(connectionId: string, { sk }: Key, before: Item | undefined, after: Item): void {
    if (sk.startsWith('GRANT#') && before?.state === 'ended' && after.state !== 'ended')
      problems.push(`${sk} had ended and is ${after.state}`);
    if (after.state === 'suspended') seen.add('suspended');
    if (after.reason === 'action_required') seen.add('action_required');
    if (!sk.startsWith('SEAT#')) return;
    const [had, has] = [before?.openGrants as Set<string> | undefined, after.openGrants as Set<string> | undefined];
    const moved = [...(had ?? []), ...(has ?? [])].filter((name) => had?.has(name) !== has?.has(name));
    if (moved.some((name) => !name.startsWith(`${connectionId}/`)))
      problems.push(`${connectionId} moved ${moved} in ${sk}`);
  }

  /** By `place trainer`: the grants that rightfully keep somebody in, those of the grace periods included. */
  function rightful(): Map<string, Set<string>> {
    const names = new Map<string, Set<string>>();
    const add = (customer: number, links: readonly ModelLink[]) => {
      if (!world.consents.has(customer)) return;
      for (const link of links) {
        for (const { id, trainer } of world.activeOn(link)) {
          const name = `${world.placeOf(link.project)} ${trainer}`;
          const grant = `${connectionOf(customer)}/${id}/${link.id}`;
          // Ended is final, also where OpenTrain was wrong: a person must link the project anew.
          if (world.denied.has(link.id) && mirror.isOver(grant)) seen.add('locked out');
          else names.set(name, (names.get(name) ?? new Set()).add(grant));
        }
      }
    };
    for (const [customer, install] of world.tokens) {
      // Of a refusal without a revocation the connector knows only what it has found out itself.
      const off = mirror.offSince(connectionOf(customer)) ?? Number.POSITIVE_INFINITY;
      const dead = world.isWelcome(customer) ? Number.POSITIVE_INFINITY : Math.min(deadSince.get(customer) ?? off, off);
      // A worker takes its time: at the very end of a period both are right.
      if (now < dead + GRACE - 10 * MINUTE) add(customer, install.links);
      const { links = [], since = 0 } = kept.get(customer) ?? {};
      if (now < since + GRACE - 10 * MINUTE)
        add(
          customer,
          links.filter((link) => mirror.heardOf(customer, link) < since),
        );
    }
    return names;
  }

  /**
   * Those who are rightfully in, and for whom all is done that has to be done: whoever begins now never puts them out. But
   * a run that was to put them out may be at it still, when their customer comes back.
   */
  function settledPeople(): (place: string, trainer: string) => boolean {
    const busy = [...workers.values()].filter(({ isOff }) => isOff).map(({ customer }) => `${connectionOf(customer)}/`);
    const isSafe = (grant: string) => underway.length === 0 && !busy.some((connection) => grant.startsWith(connection));
    const before = new Map(
      [...rightful()].map(([name, grants]) => [
        name,
        [...grants].filter((grant) => mirror.claims(name, grant) && isSafe(grant)),
      ]),
    );
    const isMisled = (grant: string) => [...misled].some((customer) => grant.startsWith(`${connectionOf(customer)}/`));
    return (place, trainer) => {
      const name = `${place} ${trainer}`;
      const grants = rightful().get(name);
      return [...(before.get(name) ?? [])].some((grant) => grants?.has(grant) && !isMisled(grant));
    };
  }

  function start<Result>(
    { customer, delivery, stop }: Omit<Alive, 'isOff' | 'lost'>,
    work: (parts: DeliveryParts & ReconcileParts) => Promise<Result>,
    onEnd: (result: Result) => void,
  ) {
    const isSettled = settledPeople();
    const worker: StartedWorker = stepper.start(
      (step) => work(partsFor(customer, step, isSettled)),
      (result) => {
        workers.delete(worker);
        onEnd(result);
      },
    );
    workers.set(worker, { customer, delivery, stop, isOff: !world.isWelcome(customer), lost });
  }

  function startDelivery(delivery: ModelDelivery): void {
    delivery.attempts += 1;
    const { attempts, customer } = delivery;
    const stop = new AbortController();
    start(
      { customer, delivery, stop },
      (parts) => processDelivery(envelopeOf(delivery), attempts, parts, stop.signal),
      // What OpenTrain refuses is not tried for ever.
      (outcome) => {
        seen.add(outcome.kind === 'parked' ? outcome.reason : outcome.kind);
        if (outcome.kind === 'retry' && attempts < 12) pool.push(delivery);
        else if (outcome.kind === 'retry') unfaithful.add(customer);
      },
    );
  }

  const envelopeOf = ({ id, customer, event }: ModelDelivery) => ({
    connectionId: connectionOf(customer),
    deliveryId: id as DeliveryId,
    secretId: 'secret',
    receivedAt: now,
    body: Buffer.from(JSON.stringify(event)),
  });

  function requestFor(customer: number) {
    runs += 1;
    return { connectionId: connectionOf(customer), runId: `run-${runs}`, plannedAt: now };
  }

  function startRun(customer: number): void {
    const stop = new AbortController();
    const request = requestFor(customer);
    const [lostBefore, token] = [lost, world.tokens.get(customer)];
    start(
      { customer, delivery: undefined, stop },
      (parts) => reconcileConnection(request, parts, stop.signal).catch((error: unknown) => error),
      (outcome) => {
        if (world.glitches.get(customer) === 'denied') world.glitches.delete(customer);
        note(outcome as ReconcileOutcome | Error);
        if (lost === lostBefore && token === world.tokens.get(customer)) checkHealed(customer, outcome);
      },
    );
  }

  /** What had failed comes again, all of it, once an endpoint was healed. */
  function checkHealed(customer: number, outcome: unknown): void {
    const isHealed = !(outcome instanceof Error) && (outcome as ReconcileOutcome).report.endpoint === 'healed';
    const failed = world.tokens.get(customer)?.endpoint.failed.length ?? 0;
    if (isHealed && failed > 0)
      problems.push(`the endpoint of ${customer} was healed, and ${failed} deliveries were not`);
  }

  function note(outcome: ReconcileOutcome | Error): void {
    if (outcome instanceof Error) return void seen.add('run failed');
    const { report } = outcome;
    for (const why of Object.keys(report.repaired)) seen.add(why);
    if (report.held.length > 0) seen.add('held');
    if (report.unlinked > 0) seen.add('unlinked');
    seen.add(`install ${report.install}`);
    seen.add(`endpoint ${report.endpoint}`);
  }

  function kill(worker: StartedWorker, { isForGood = false } = {}): void {
    const { delivery, customer = 0 } = workers.get(worker) ?? {};
    worker.kill();
    workers.delete(worker);
    // The queue hands it out again, unless it has done so too often.
    if (isForGood) unfaithful.add(customer);
    else if (delivery !== undefined) pool.push(delivery);
  }

  async function stir(step: WaitingStep): Promise<void> {
    troubles -= 1;
    switch (nextChoice(6)) {
      case 0: // The worker crashes, its request is lost.
        step.take();
        return kill(step.worker);
      case 1: // The worker crashes, its request goes through.
        await step.take()();
        return kill(step.worker);
      case 2: // The worker crashes, its request arrives later.
        // Nothing can be done about what arrives after its successor has done its work, but to look again.
        unfaithful.add(workers.get(step.worker)?.customer ?? 0);
        underway.push(step.take());
        return kill(step.worker);
      case 3: // The other side is busy.
        return step.fail(failureOf(step.name));
      case 4: // It went through, but the answer is lost.
        await step.take()();
        return step.fail(failureOf(step.name));
      default: // The function's time runs out.
        workers.get(step.worker)?.stop.abort();
        return step.go();
    }
  }

  /** What OpenTrain has just told goes out, in one way or another. */
  function post(): void {
    for (const delivery of world.outbox.splice(0)) {
      const { endpoint } = world.installOf(delivery.customer);
      if (nextChoice(8) < plan.lost) {
        lost += 1;
        endpoint.failed.push({ ...delivery, attempts: 0 });
        endpoint.failures += 1;
        if (endpoint.failures >= 10) endpoint.isActive = false;
        continue;
      }
      endpoint.failures = 0;
      pool.push({ ...delivery });
      const copies = nextChoice(10);
      if (copies === 0) pool.push({ ...delivery });
      if (copies === 1) pool.push({ ...delivery, id: `${delivery.id}-again` });
    }
  }

  /** @returns false when there is nothing to do */
  async function takeStep(): Promise<boolean> {
    post();
    while (workers.size < 3 && pool.length > 0) {
      const [delivery] = pool.splice(nextChoice(pool.length), 1);
      if (delivery !== undefined) startDelivery(delivery);
    }
    const waiting = (await stepper.waiting()).filter(({ worker }) => workers.has(worker));
    if (underway.length > 0 && nextChoice(4) === 0) await underway.shift()?.();
    const step = waiting[nextChoice(waiting.length)];
    if (step === undefined) return workers.size > 0;
    steps += 1;
    if (steps > 20_000) throw new Error('the history does not come to an end');
    now += nextChoice(5) * 1_000;
    if (trap !== undefined && new RegExp(`^change GRANT#.* ${trap}$`).test(step.name)) {
      seen.add(`crash at ${trap}`);
      trap = undefined;
      await step.take()();
      kill(step.worker, { isForGood: true });
    } else if (troubles > 0 && nextChoice(plan.seldom) === 0) await stir(step);
    else await step.go();
    return true;
  }

  /** Functions live for minutes: whoever is at work has finished, or is dead, before hours go by. */
  async function letFinish(): Promise<void> {
    const left = pool.splice(0);
    while (await takeStep()) if (workers.size === 0) break;
    pool.push(...left);
    for (const request of underway.splice(0)) await request();
  }

  /** What the operator's command does, once it has the new token. */
  async function connect(customer: number): Promise<void> {
    const install = world.installOf(customer);
    const before = world.tokens.get(customer);
    if (!install.isActive || install === before) return;
    world.tokens.set(customer, install);
    install.endpoint.isActive = true;
    deadSince.delete(customer);
    if (before !== undefined) {
      const links = [...(kept.get(customer)?.links ?? []), ...before.links];
      kept.set(customer, { links, since: now });
    }
    const parts = partsFor(customer, quietly, () => false);
    await parts.store.connections.connect(
      {
        id: connectionOf(customer),
        installId: install.id,
        workspaceId: WORKSPACE,
        endpointId: install.endpoint.id,
        ...(before !== undefined && { reconnectedAt: now }),
      },
      now,
    );
  }

  function noteDeadTokens(): void {
    for (const [customer, { isActive }] of world.tokens) {
      if (!isActive && !deadSince.has(customer)) deadSince.set(customer, now);
    }
  }

  async function apply(command: Command): Promise<void> {
    switch (command.kind) {
      case 'hire':
        for (const trainer of command.trainers) world.hire(command.customer, command.job, trainer);
        break;
      case 'end': {
        const index = command.contract === 'newest' ? world.contracts.length - 1 : command.contract;
        const contract = world.contracts[index % Math.max(1, world.contracts.length)];
        if (!command.all) world.end(contract);
        else for (const one of world.contracts.filter(({ job }) => job === contract?.job)) world.end(one);
        break;
      }
      case 'link':
        world.link(command.customer, projectOf(command.project), jobOf(command.customer, command.job));
        break;
      case 'unlink': {
        const { links = [], since = 0 } = kept.get(command.customer) ?? {};
        const project = projectOf(command.project);
        if (plan.keepAfterUnlink) unfaithful.add(command.customer);
        // With the new link, that of before is over: its claims have been passed on, or will be.
        if (world.unlink(command.customer, project)) {
          kept.set(command.customer, { links: links.filter((link) => link.project !== project), since });
        }
        break;
      }
      case 'revoke':
        unfaithful.add(command.customer);
        world.revoke(command.customer);
        break;
      case 'connect':
        await connect(command.customer);
        break;
      case 'reconnect': {
        const { links } = world.installOf(command.customer);
        unfaithful.add(command.customer);
        world.reconnect(command.customer, command.keepsLinks);
        post();
        noteDeadTokens();
        if (command.connects) await connect(command.customer);
        if (command.links) for (const { project, job } of links) world.link(command.customer, project, job);
        break;
      }
      case 'consent':
        // Nobody is told.
        if (world.contracts.some(({ customer }) => customer === command.customer)) unfaithful.add(command.customer);
        world.consents.add(command.customer);
        break;
      case 'disable':
        world.installOf(command.customer).endpoint.isActive = false;
        break;
      case 'refuse':
        unfaithful.add(command.customer);
        if (command.isOn) world.refused.add(command.customer);
        else world.refused.delete(command.customer);
        break;
      case 'reconcile':
        startRun(command.customer);
        break;
      case 'by hand': {
        const person =
          command.person < STRANGERS ? `stranger-${command.person}` : trainerOf(command.person - STRANGERS);
        moved.add(`${world.placeOf(projectOf(command.project))} ${person}`);
        world.byHand(projectOf(command.project), person, command.isIn);
        break;
      }
      case 'glitch':
        unfaithful.add(command.customer);
        misled.add(command.customer);
        world.glitches.set(command.customer, command.glitch);
        break;
      case 'bar': {
        const trainer = trainerOf(command.trainer);
        for (let project = 0; project < PROJECTS; project += 1) {
          moved.add(`${world.placeOf(projectOf(project))} ${trainer}`);
        }
        if (command.isOn) world.barred.add(trainer);
        else world.barred.delete(trainer);
        break;
      }
      case 'trap':
        trap = command.state;
        break;
      case 'quiet':
        await comeToRest();
        break;
      case 'outage':
        outage[command.side] = command.calls;
        break;
      case 'at once':
        for (const one of command.commands) await apply(one);
        break;
      case 'wait':
        await letFinish();
        now += command.minutes * MINUTE;
    }
    noteDeadTokens();
  }

  async function drain(): Promise<void> {
    while ((await takeStep()) || pool.length > 0);
  }

  /** All that is on its way arrives. Then access is what it should be, without a reconciliation: events are enough. */
  async function comeToRest(): Promise<void> {
    const before = troubles;
    troubles = 0;
    trap = undefined;
    outage.opentrain = 0;
    outage.workspace = 0;
    await drain();
    for (const request of underway.splice(0)) await request();
    troubles = before;
    const [right, inside] = [rightful(), new Set(everybody())];
    for (const name of new Set([...right.keys(), ...inside])) {
      const hirers = [...(world.everHired.get(name) ?? [])];
      if (hirers.length === 0 || moved.has(name) || !hirers.every(isFaithful)) continue;
      seen.add('at rest');
      const isRight = hirers.some((one) =>
        [...(right.get(name) ?? [])].some((grant) => grant.startsWith(`${connectionOf(one)}/`)),
      );
      if (isRight !== inside.has(name))
        problems.push(`at rest, ${name} is ${inside.has(name) ? 'in, though nobody has them' : 'out, though hired'}`);
    }
  }

  /** Whether everything that concerns a customer was told, and has arrived. */
  const isFaithful = (customer: number): boolean =>
    !unfaithful.has(customer) &&
    !world.unheard.has(customer) &&
    world.isWelcome(customer) &&
    (world.tokens.get(customer)?.endpoint.failed.length ?? 0) === 0;

  async function live(): Promise<void> {
    for (let customer = 0; customer < CUSTOMERS; customer += 1) await connect(customer);
    for (const command of plan.commands) {
      await apply(command);
      for (let left = nextChoice(40); left > 0; left -= 1) if (!(await takeStep())) break;
    }
    await letFinish();
    if (plan.drains) await drain();
    pool.length = 0;
    for (const request of underway.splice(0)) await request();
    outage.opentrain = 0;
    outage.workspace = 0;
    trap = undefined;
    misled.clear();
    world.glitches.clear();
    world.barred.clear();
  }

  async function endInQuiet(): Promise<void> {
    troubles = 0;
    // A token that is refused is taken for lost in the second run an hour later.
    for (const minutes of [0, 61]) {
      now += minutes * MINUTE;
      for (const customer of world.tokens.keys()) if (!world.isWelcome(customer)) await runInQuiet(customer);
    }
    now += GRACE + HOUR;
    for (const customer of world.tokens.keys()) {
      const losing = losingSeats(customer);
      const allowed = Math.max(3, Math.floor(0.2 * mirror.seatsOf(connectionOf(customer)).length));
      const before = new Set(everybody());
      const outcome = await runInQuiet(customer);
      const removed = [...before].filter((name) => !everybody().includes(name));
      const { held, holdRunId } = outcome.report;
      if (!plan.keepAfterUnlink && held.length > 0 !== losing.length > allowed) {
        problems.push(`${held.length} held, where ${losing.length} lose their place and ${allowed} may: ${losing}`);
      }
      if (held.length > 0 && removed.some((name) => losing.includes(name)))
        problems.push(`${removed} went out, though held`);
      if (held.length === 0) continue;
      const approved = await runInQuiet(customer, holdRunId);
      if (approved.report.held.length > 0) problems.push('what was approved was held again');
    }
    // What an earlier run had asked for comes late, and a link that was taken for removed has waited for its second run.
    pool.push(...world.outbox.splice(0));
    await comeToRest();
    for (const customer of world.tokens.keys()) {
      const { held, holdRunId } = (await runInQuiet(customer)).report;
      if (held.length > 0) await runInQuiet(customer, holdRunId);
      world.outbox.length = 0;
    }
    // Whoever finds nothing to do writes nothing but that.
    for (const customer of world.tokens.keys()) {
      const writes: string[] = [];
      const outcome = await runInQuiet(customer, undefined, writes);
      const { repaired } = outcome.report;
      if (Object.keys(repaired).length > 0) problems.push(`a second run repairs ${JSON.stringify(repaired)}`);
      if (writes.join() !== 'change RECONCILIATION') problems.push(`a quiet run writes ${writes}`);
    }
  }

  async function runInQuiet(customer: number, approve?: string, writes: string[] = []): Promise<ReconcileOutcome> {
    const isSettled = settledPeople();
    const step: NamedStep = (name, perform) => {
      if (/^change|^ensure|^revoke/.test(name)) writes.push(name);
      return perform();
    };
    const parts = partsFor(customer, step, isSettled);
    const outcome = await reconcileConnection(
      { ...requestFor(customer), approve },
      parts,
      new AbortController().signal,
    );
    note(outcome);
    checkHealed(customer, outcome);
    if (outcome.kind !== 'done' || outcome.report.failed > 0)
      problems.push(`a quiet run of ${customer}: ${JSON.stringify(outcome)}`);
    return outcome;
  }

  /** The seats that a customer's run finds to be given up, as rule 10 counts them. */
  function losingSeats(customer: number): string[] {
    const connectionId = connectionOf(customer);
    const right = rightful();
    const places = mirror.placesOf(customer, world);
    const meant = mirror.isDeliberatelyOff(connectionId)
      ? mirror.grantedPlaces(connectionId, world)
      : new Set<string>();
    return mirror
      .seats()
      .filter(({ name, claims }) => {
        const own = claims.filter((claim) => claim.startsWith(`${connectionId}/`));
        if (own.length < claims.length || !places.has(name.split(' ')[0] ?? '') || meant.has(name)) return false;
        const isIn = everybody().includes(name);
        const stays = [...(right.get(name) ?? [])].some((grant) => grant.startsWith(`${connectionId}/`));
        return !stays && (own.length > 0 || isIn);
      })
      .map(({ name }) => name);
  }

  const everybody = (): string[] =>
    [...world.inside].flatMap(([place, people]) => [...people].map((person) => `${place} ${person}`)).sort();

  return {
    live,
    endInQuiet,
    result(): ModelResult {
      const access = everybody();
      const seated = new Set(mirror.seats().map(({ name }) => name));
      const untouched = access.filter((name) => !seated.has(name));
      const mayStay = access.filter((name) => plan.keepAfterUnlink && mirror.isKept(name, world));
      const expected = [...new Set([...rightful().keys(), ...untouched, ...mayStay])].sort();
      return { problems, access, expected, seen, steps };
    },
  };
}

/** What the table holds, as far as the invariants need it. */
function createMirror() {
  const items = new Map<string, Item>();
  const nameOf = ({ pk, sk }: Key) => `${pk}\n${sk}`;
  const seatItem = (name: string) => {
    const [place = '', trainer = ''] = name.split(' ');
    return items.get(nameOf({ pk: `WS#${WORKSPACE}#${place}`, sk: `SEAT#${trainer}` }));
  };
  const grantItem = (grant: string) => {
    const [connection, contract, link] = grant.split('/');
    return items.get(nameOf({ pk: `CONN#${connection}`, sk: `GRANT#${contract}#${link}` }));
  };
  const grantsOf = (connection: string) =>
    [...items.values()].filter(({ pk, sk }) => pk === `CONN#${connection}` && sk.startsWith('GRANT#'));
  const seats = () =>
    [...items.values()]
      .filter(({ sk }) => sk.startsWith('SEAT#'))
      .map(({ pk, sk, openGrants = new Set<string>() }) => ({
        name: `${pk.slice(`WS#${WORKSPACE}#`.length)} ${sk.slice('SEAT#'.length)}`,
        claims: [...(openGrants as Set<string>)],
      }));
  return {
    get: (key: Key) => items.get(nameOf(key)),
    put: (key: Key, item: Item) => void items.set(nameOf(key), item),
    seats,
    seatsOf: (connection: string) =>
      seats().filter(({ claims }) => claims.some((one) => one.startsWith(`${connection}/`))),
    /** Whether the grant is open and has its claim. */
    isOver: (grant: string) => grantItem(grant)?.state === 'ended',
    claims: (name: string, grant: string) =>
      grantItem(grant)?.state === 'open' && seatItem(name)?.openGrants?.has(grant) === true,
    heardOf(customer: number, link: ModelLink): number {
      const connection = connectionOf(customer);
      const known = items.get(nameOf({ pk: `CONN#${connection}`, sk: `LINK#${link.id}` }))?.recordedAt;
      const opened = grantsOf(connection)
        .filter(({ linkId }) => linkId === link.id)
        .map(({ openedAt, updatedAt }) => openedAt ?? updatedAt);
      return Math.min(known ?? Number.POSITIVE_INFINITY, ...opened);
    },
    /** Where a customer's run looks. */
    placesOf(customer: number, { tokens, isWelcome, placeOf }: World): Set<string> {
      const install = tokens.get(customer);
      const linked = install !== undefined && isWelcome(customer) ? install.links.map(({ project }) => project) : [];
      const granted = grantsOf(connectionOf(customer)).flatMap(({ projectId }) => projectId ?? []);
      return new Set([...linked, ...granted].map(placeOf));
    },
    grantedPlaces: (connection: string, { placeOf }: World) =>
      new Set(
        grantsOf(connection)
          .filter(({ state, projectId, trainerId }) => state !== 'ended' && projectId && trainerId)
          .map(({ projectId, trainerId }) => `${placeOf(projectId)} ${trainerId}`),
      ),
    /** Whether somebody may be in by a link that was removed: no other link of the job tells that the contract has ended. */
    isKept(name: string, { tokens, contracts, isWelcome }: World): boolean {
      const claims = [...((seatItem(name)?.openGrants as Set<string> | undefined) ?? [])];
      return claims.some((claim) => {
        const [connection = '', contractId = ''] = claim.split('/');
        const customer = Number(connection.slice(-1));
        const contract = contracts.find(({ id }) => id === contractId);
        const isLinked = tokens.get(customer)?.links.some(({ job }) => job === contract?.job) === true;
        const { state, reason } = grantItem(claim) ?? {};
        const isStanding = state === 'open' || reason === 'action_required';
        return isStanding && (contract?.isActive === true || !isLinked || !isWelcome(customer));
      });
    },
    /** Since when the connector takes the connection for disconnected. */
    offSince(connection: string): number | undefined {
      return items.get(nameOf({ pk: `CONN#${connection}`, sk: 'META' }))?.disconnectedAt;
    },
    isDeliberatelyOff(connection: string): boolean {
      const { status, disconnectedReason } = items.get(nameOf({ pk: `CONN#${connection}`, sk: 'META' })) ?? {};
      return status === 'disconnected' && disconnectedReason !== 'token_refused';
    },
  };
}

const failureOf = (name: string): Error => {
  if (name.endsWith('Access')) return new WorkspaceUnavailableError('away');
  if (/^(get|change|list) |^getAll$/.test(name)) return new Error('The table is away.');
  return new OpenTrainError('away', { operation: 'getCurrentInstall', kind: 'transient' });
};
