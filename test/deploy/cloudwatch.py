"""What CloudWatch does by itself in AWS, and ministack leaves out: without it no alarm would ever change its state.

- Metric filters count the log lines that they match.
- Queues tell how many messages are waiting in them.
- Alarms look at the metric with their own dimensions only, say OK or ALARM where data is missing, and look again
  every second. Those on metric math can be deployed, and stay without data.
"""

import json
import re
import threading
import time

from ministack.services import cloudwatch, cloudwatch_logs, sqs
from ministack.services.cloudformation import provisioners

COMPARISONS = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
WITHOUT_DATA = {"notBreaching": "OK", "breaching": "ALARM"}


def correct():
    record_alarm = provisioners._cw_metric_alarm_record
    append_events = cloudwatch_logs._append_log_events

    def record_any_alarm(name, props):
        metrics = props.get("Metrics")
        if not metrics:
            return record_alarm(name, props)
        alarm = record_alarm(name, {**props, "Metrics": None, "MetricName": "math", "Namespace": "math"})
        return {**alarm, "MetricName": "", "Namespace": "", "Metrics": metrics}

    def append_and_count(stream, events):
        append_events(stream, events)
        count_lines(stream, events)

    provisioners._cw_metric_alarm_record = record_any_alarm
    cloudwatch_logs._append_log_events = append_and_count
    cloudwatch._evaluate_alarm = evaluate
    threading.Thread(target=watch, daemon=True).start()


def watch():
    while True:
        time.sleep(1)
        for url in list(sqs._queues):
            queue = sqs._queues.get(url)
            if queue is None:
                continue
            waiting = sum(1 for message in list(queue["messages"]) if message.get("visible_at", 0) <= time.time())
            dimensions = {"QueueName": url.rsplit("/", 1)[-1]}
            cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", waiting, "Count", dimensions)
        for name in list(cloudwatch._alarms):
            alarm = cloudwatch._alarms.get(name)
            if alarm is not None:
                evaluate(alarm)


def evaluate(alarm):
    if not alarm.get("MetricName"):
        return
    state = state_of(alarm)
    before = alarm["StateValue"]
    if state == before:
        return
    reason = f"{alarm['MetricName']} against {alarm['Threshold']}"
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)


def state_of(alarm):
    dimensions = {dimension["Name"]: dimension["Value"] for dimension in alarm.get("Dimensions") or []}
    since = time.time() - alarm["Period"] * alarm["EvaluationPeriods"]
    points = [
        point
        for (namespace, name, key), all_points in list(cloudwatch._metrics.items())
        if (namespace, name) == (alarm["Namespace"], alarm["MetricName"])
        and key == cloudwatch._dims_key(dimensions)
        for point in list(all_points)
        if point["Timestamp"] >= since
    ]
    if not points:
        return WITHOUT_DATA.get(alarm["TreatMissingData"], "INSUFFICIENT_DATA")
    statistic = alarm.get("ExtendedStatistic") or alarm["Statistic"]
    value = cloudwatch._stat_value(cloudwatch._calc_stats(points), statistic, points)
    is_breaching = COMPARISONS[alarm["ComparisonOperator"]](value, alarm["Threshold"])
    return "ALARM" if is_breaching else "OK"


def count_lines(stream, events):
    for group in list(cloudwatch_logs._log_groups):
        streams = cloudwatch_logs._log_groups[group]["streams"]
        if not any(one is stream for one in list(streams.values())):
            continue
        for log_group, filter_name in list(cloudwatch_logs._metric_filters):
            if log_group != group:
                continue
            metric_filter = cloudwatch_logs._metric_filters[(log_group, filter_name)]
            for event in events:
                record = parse(event["message"])
                if record is not None and matches(metric_filter["filterPattern"], record):
                    count(metric_filter["metricTransformations"], record)


def count(transformations, record):
    for transformation in transformations:
        value = str(transformation["metricValue"])
        number = record.get(value[2:]) if value.startswith("$.") else value
        if number is not None:
            cloudwatch.record_metric(transformation["metricNamespace"], transformation["metricName"], float(number))


def parse(line):
    try:
        record = json.loads(line)
    except ValueError:
        return None
    return record if isinstance(record, dict) else None


TOKENS = re.compile(r'\s*(\(|\)|&&|\|\||"[^"]*"|>=|<=|!=|=|>|<|[^\s()&|=<>!]+)')


def matches(pattern, record):
    """A JSON pattern as the stack has them: comparisons of top-level fields, joined by && and ||, with brackets."""
    tokens = TOKENS.findall(pattern.strip()[1:-1])

    def either():
        value = both()
        while tokens and tokens[0] == "||":
            tokens.pop(0)
            value = both() or value
        return value

    def both():
        value = one()
        while tokens and tokens[0] == "&&":
            tokens.pop(0)
            value = one() and value
        return value

    def one():
        if tokens[0] == "(":
            tokens.pop(0)
            value = either()
            tokens.pop(0)
            return value
        field, comparison, wanted = tokens.pop(0), tokens.pop(0), tokens.pop(0)
        found = record.get(field[2:])
        if found is None:
            return False
        if wanted.startswith('"'):
            is_equal = found == wanted[1:-1]
            return is_equal if comparison == "=" else not is_equal
        number = float(wanted)
        if isinstance(found, bool) or not isinstance(found, (int, float)):
            return False
        return {
            "=": found == number,
            "!=": found != number,
            ">": found > number,
            ">=": found >= number,
            "<": found < number,
            "<=": found <= number,
        }[comparison]

    return either()
