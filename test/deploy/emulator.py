"""ministack, corrected where it would refuse what AWS allows, or leave out what AWS does."""

import re

import cloudwatch
from ministack.app import main
from ministack.core import iam_actions

action_of = iam_actions.extract_iam_action


def corrected_action_of(*args):
    """In AWS the right to SendMessage covers SendMessageBatch, for which no right exists, and so with its others."""
    action = action_of(*args)
    return action and re.sub(r"^(sqs:\w+)Batch$", r"\1", action)


iam_actions.extract_iam_action = corrected_action_of
cloudwatch.correct()
main()
