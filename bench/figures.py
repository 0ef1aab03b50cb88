"""From raw times to ratios.  A ratio says how many times as fast as the peer pickle5 is; over 1 is faster."""
import math

from bench import cases, peers


def quartiles(values):
    """Lower quartile, median and upper quartile."""
    values = sorted(values)

    def at(part):
        place = part * (len(values) - 1)
        low = int(place)
        high = min(low + 1, len(values) - 1)
        return values[low] + (values[high] - values[low]) * (place - low)
    return at(0.25), at(0.5), at(0.75)


def ratio(case, operation, peer=peers.OWN, of=peers.OURS):
    """(lower quartile, median, upper quartile) of the rounds' ratios, or None where one of the two cannot."""
    turns = case.get("turns", {}).get(operation, {})
    if peer not in turns or of not in turns:
        return None
    return quartiles([theirs / ours
                      for process, others in zip(turns[of], turns[peer])
                      for ours, theirs in zip(process, others)])


def median(case, operation, peer=peers.OWN):
    found = ratio(case, operation, peer)
    return None if found is None else found[1]


def seconds(case, operation, peer=peers.OURS):
    """The median time of one call, or None."""
    processes = case.get("turns", {}).get(operation, {}).get(peer)
    return None if not processes else quartiles([time for process in processes for time in process])[1]


def geometric_mean(values):
    values = list(values)
    return math.exp(sum(map(math.log, values)) / len(values)) if values else None


def medians(results, operation, peer=peers.OWN, which=lambda case: True):
    """{case: median ratio} over the cases in which both can."""
    found = [(name, median(results["cases"][name], operation, peer))
             for name, case in cases.CASES.items() if name in results["cases"] and which(case)]
    return {name: value for name, value in found if value is not None}


def memory_ratio(results, case, operation, module):
    entry = results["memory"].get(case)
    return None if entry is None else max(0, entry["growth"][operation][module]) / float(entry["size"])


def growth_points(results, shape, operation, peer):
    """[(count, nanoseconds per object)]"""
    return [(int(count), quartiles(found[operation][peer])[1] / int(count) * 1e9)
            for count, found in results["growth"].get(shape, {}).items()]
