import type { MemberId, TrainerId } from '../../ids.ts';
import { NeedsPersonError } from '../errors.ts';
import type { Organization } from './organization.ts';

export const USERNAME_PREFIX = 'opentrain-';

/** The username of the accounts that the connector makes; Label Studio shows it to administrators only. */
export const usernameOf = (trainer: TrainerId): string => `${USERNAME_PREFIX}${trainer}`;

/** Reconciliation looks at every parked grant again; an operator who does not want to wait for it can have it at once. */
const COMPLETED =
  'The next reconciliation completes it, within half an hour unless reconcileMinutes says otherwise. To have it at once, have OpenTrain redeliver the parked delivery (POST /webhook-endpoints/{id}/redeliver with the delivery id).';

interface Removed {
  readonly baseUrl: string;
  readonly organization: Organization;
  readonly trainer: TrainerId;
  /** Absent when it was never noted; then the account is found by the username that the connector gave it. */
  readonly memberId: MemberId | undefined;
}

/** Label Studio's API cannot give a removed member back; its own shell and its administration pages can. */
export function needsRestoring({ baseUrl, organization, trainer, memberId }: Removed): NeedsPersonError {
  // Both are literals of Python as well. Nothing in a heredoc with a quoted end is expanded by the shell.
  const wanted = memberId === undefined ? `username=${JSON.stringify(usernameOf(trainer))}` : `id=${Number(memberId)}`;
  const who = memberId === undefined ? `The account of trainer ${trainer}` : `Account ${memberId}`;
  return new NeedsPersonError(
    `${who} was removed from organisation ${organization.id}. Label Studio’s API can neither restore it nor make a second one.`,
    {
      steps: [
        'On the machine of Label Studio, with the environment that the server has (its --data-dir or database settings), run:\n' +
          "label-studio shell <<'PYTHON'\n" +
          'from users.models import User; from organizations.models import Organization, OrganizationMember\n' +
          `org = Organization.objects.get(id=${organization.id}); user = User.objects.get(${wanted})\n` +
          'org.add_user(user) or OrganizationMember.objects.filter(user=user, organization=org).update(deleted_at=None)\n' +
          "print('restored', User.objects.filter(id=user.id).update(active_organization=org, is_active=True), user.email)\n" +
          'PYTHON',
        'Compare the address that it prints with the trainer’s Work Email.' +
          (memberId === undefined
            ? ' If it finds nobody, the account was opened by hand: put email="…", with its address, in the place of username=….'
            : ''),
        `Without a shell: in ${baseUrl}/admin/organizations/organizationmember/ search the Work Email, empty both fields of "Deleted at", and save.`,
        `${COMPLETED} The trainer’s password is the old one.`,
      ],
    },
  );
}

/** Label Studio's API makes accounts without a password, and it sends no mail. */
export function needsFirstPassword(baseUrl: string, memberId: number): NeedsPersonError {
  return new NeedsPersonError(
    `Account ${memberId} is a member, but nobody has signed in to it yet: it may have no password.`,
    {
      steps: [
        `Sign in to ${baseUrl}/admin/ as the organisation’s owner, open ${baseUrl}/admin/users/user/${memberId}/password/ and set a password.`,
        `Give it to the trainer, who signs in at ${baseUrl}/user/login/ with their Work Email.`,
        `After the first sign-in: ${COMPLETED}`,
      ],
    },
  );
}

/** The sign-in page writes what is typed in lower case, and then looks for exactly that. */
export function needsLowerCase(baseUrl: string, memberId: number): NeedsPersonError {
  return new NeedsPersonError(
    `Account ${memberId} has upper-case letters in its address, and Label Studio lets nobody sign in to such an account.`,
    {
      steps: [
        `Sign in to ${baseUrl}/admin/ as the organisation’s owner, open ${baseUrl}/admin/users/user/${memberId}/change/, write the address in lower case and save.`,
        COMPLETED,
      ],
    },
  );
}
