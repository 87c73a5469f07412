"""Looks at an account from outside, with boto3: is exactly the lab of plans/do4ds-lab.yaml there, or nothing?

    check_lab.py present --instance-type t3.micro
    check_lab.py absent

The account must have been empty before: everything found counts. AWS_ENDPOINT_URL says where.
Exits 1 and says what differs.
"""

import argparse
import sys

from outside import EXPECTED_MARKS, ONE_EACH, Account, counts, differences, expected_facts, facts, marks


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("state", choices=["present", "absent"])
    parser.add_argument("--instance-type", default="t3.micro")
    parser.add_argument("--bucket", default="do4ds-lab-penguins")
    parser.add_argument("--ssh-from", default="203.0.113.7/32", metavar="CIDR", help="what `my-ip` stands for")
    options = parser.parse_args()
    there = options.state == "present"
    account = Account()
    lab = account.inventory()
    found = counts(lab)
    expected = {kind: int(there and kind in ONE_EACH) for kind in found}
    # instance, volume, group and bucket: the tagging API of the emulator knows no other kinds
    found["tagged, of any kind"] = len(account.tagged(lab["instances"]))
    expected["tagged, of any kind"] = 4 if there else 0
    if there and found == expected:
        found |= facts(account, lab) | marks(account, lab)
        expected |= expected_facts(options.bucket, options.instance_type, options.ssh_from) | EXPECTED_MARKS
    wrong = differences(expected, found)
    for line in wrong:
        print(f"wrong: {line}", file=sys.stderr)
    if not wrong:
        print(f"seen from outside: {len(found)} facts hold, the lab is {options.state}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
