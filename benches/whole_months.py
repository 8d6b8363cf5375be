#!/usr/bin/env python3
"""Further months of a landing folder, delivered whole: each month 2 % of the records are changed and 0.5 % are new.

usage: whole_months.py LANDING FIRST OUT N   (LANDING/<utility>/FIRST/*.csv becomes OUT/<month>/<utility>/<month>/*.csv)
       whole_months.py --correct LANDING MONTH   (1 % of the month's records are changed in place)
"""
import csv
import os
import random
import sys

RATING = {
    "utility1_circuits": "NYHCPV_csv_FMAXHC", "utility1_install_der": "NamePlateRating", "utility1_planned_der": "NamePlateRating",
    "utility2_circuits": "feeder_max_hc", "utility2_install_der": "DER_NAMEPLATE_RATING", "utility2_planned_der": "DER_NAMEPLATE_RATING",
}
KEY = {
    "utility1_install_der": "ProjectID", "utility1_planned_der": "ProjectID", "utility2_circuits": "Master_CDF",
    "utility2_install_der": "DER_ID", "utility2_planned_der": "INTERCONNECTION_QUEUE_REQUEST_ID",
}
chance = random.Random(3)
if sys.argv[1] == "--correct":
    landing, month = sys.argv[2:4]
    for utility in sorted(os.listdir(landing)):
        folder = f"{landing}/{utility}/{month}"
        for name in sorted(os.listdir(folder)):
            with open(f"{folder}/{name}", encoding="utf-8-sig", newline="") as source:
                rows = list(csv.reader(source))
            rating = rows[0].index(RATING[name[:-4]])
            for at in chance.sample(range(1, len(rows)), max(1, len(rows) // 100)):
                rows[at][rating] = f"{chance.randint(1, 9999) / 100:g}"
            with open(f"{folder}/{name}", "w", newline="") as target:
                csv.writer(target, lineterminator="\n").writerows(rows)
    sys.exit()
landing, first, out, months = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
files = {}
for utility in sorted(os.listdir(landing)):
    for name in sorted(os.listdir(f"{landing}/{utility}/{first}")):
        with open(f"{landing}/{utility}/{first}/{name}", encoding="utf-8-sig", newline="") as source:
            files[utility, name] = list(csv.reader(source))


def change(name, rows, month):
    rating = rows[0].index(RATING[name])
    if name == "utility1_circuits":  # all segments of a feeder, so that they agree
        feeder = rows[0].index("NYHCPV_csv_NFEEDER")
        feeders = sorted({row[feeder] for row in rows[1:]})
        new = {picked: "%g" % (chance.randint(1, 99) / 10) for picked in chance.sample(feeders, max(1, len(feeders) // 50))}
        for row in rows[1:]:
            row[rating] = new.get(row[feeder], row[rating])
        return
    for at in chance.sample(range(1, len(rows)), max(1, len(rows) // 50)):
        rows[at][rating] = f"{chance.randint(1, 9999) / 100:g}"
    key = rows[0].index(KEY[name])
    for at in chance.sample(range(1, len(rows)), max(1, len(rows) // 200)):
        row = list(rows[at])
        row[key] += f"n{month}"
        rows.append(row)


year, month = map(int, first.split("-"))
for number in range(months):
    label = f"{year}-{month:02}"
    for (utility, name), rows in files.items():
        if number:
            change(name[:-4], rows, number)
        folder = f"{out}/{label}/{utility}/{label}"
        os.makedirs(folder, exist_ok=True)
        with open(f"{folder}/{name}", "w", newline="") as target:
            csv.writer(target, lineterminator="\n").writerows(rows)
    year, month = (year, month + 1) if month < 12 else (year + 1, 1)
