"""A name server for tests: answers what the zones of the emulator's Route 53 have, so that an authority sees them.

    zones_by_dns.py ENDPOINT ACCOUNT

Listens on a free port of 127.0.0.1 (UDP), prints it, and ends with its standard input. It has no wildcards and no
aliases: what it is asked for are challenges.
"""

import os
import socket
import sys
import threading

import boto3
import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.rrset


def records(route53):
    """Every record set of every zone: (name, type) to its values."""
    found = {}
    for zone in route53.list_hosted_zones()["HostedZones"]:
        pages = route53.get_paginator("list_resource_record_sets").paginate(HostedZoneId=zone["Id"])
        for page in pages:
            for entry in page["ResourceRecordSets"]:
                values = [value["Value"] for value in entry.get("ResourceRecords", [])]
                found[entry["Name"].lower().rstrip("."), entry["Type"]] = values
    return found


def answer(route53, packet):
    query = dns.message.from_wire(packet)
    response = dns.message.make_response(query)
    response.flags |= dns.flags.AA
    question = query.question[0]
    name, kind = question.name.to_text().lower().rstrip("."), dns.rdatatype.to_text(question.rdtype)
    known = records(route53)
    values = known.get((name, kind), [])
    if values:
        response.answer.append(dns.rrset.from_text_list(question.name, 1, dns.rdataclass.IN, kind, values))
    elif not any(name == other for other, _ in known):
        response.set_rcode(dns.rcode.NXDOMAIN)
    return response.to_wire()


def main():
    endpoint, account = sys.argv[1:]
    route53 = boto3.client(
        "route53", endpoint_url=endpoint, region_name="us-east-1", aws_access_key_id=account, aws_secret_access_key="x"
    )
    # Whoever started this holds the other end.
    threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        print(listener.getsockname()[1], flush=True)
        while True:
            packet, sender = listener.recvfrom(4096)
            try:
                listener.sendto(answer(route53, packet), sender)
            except dns.exception.DNSException as error:
                print(f"not a question: {error}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
