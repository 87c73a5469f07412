#!/usr/bin/env python3
"""Fits how heavy a penguin is to `penguins.csv`, and writes `model/penguin_model/model.json`.

An ordinary linear regression by the normal equations, in Python's standard library: for four inputs nothing larger is
needed. The inputs are those of the book, "DevOps for Data Science".
"""

import csv
import json
from pathlib import Path

HERE = Path(__file__).resolve().parent
INPUTS = ["bill_length_mm", "species_Chinstrap", "species_Gentoo", "sex_male"]


def penguins():
    """Reads the penguins of which all is known: the inputs with a leading 1, and the body mass in grams."""
    with open(HERE / "penguins.csv", newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            if "NA" in (row["bill_length_mm"], row["sex"], row["body_mass_g"]):
                continue
            inputs = [
                1.0,
                float(row["bill_length_mm"]),
                float(row["species"] == "Chinstrap"),
                float(row["species"] == "Gentoo"),
                float(row["sex"] == "male"),
            ]
            yield inputs, float(row["body_mass_g"])


def solve(matrix, right):
    """Solves a system of linear equations by Gauss's elimination with pivoting."""
    rows = [[*row, value] for row, value in zip(matrix, right)]
    size = len(rows)
    for column in range(size):
        pivot = max(range(column, size), key=lambda index: abs(rows[index][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        for index in range(size):
            if index != column:
                factor = rows[index][column] / rows[column][column]
                rows[index] = [value - factor * above for value, above in zip(rows[index], rows[column])]
    return [rows[index][size] / rows[index][index] for index in range(size)]


def fit(data):
    """Gives the intercept and the coefficients that leave the least squares."""
    size = len(INPUTS) + 1
    matrix = [[sum(x[i] * x[j] for x, _ in data) for j in range(size)] for i in range(size)]
    right = [sum(x[i] * y for x, y in data) for i in range(size)]
    return solve(matrix, right)


def main():
    """Fits and writes."""
    data = list(penguins())
    intercept, *coefficients = fit(data)
    model = {
        "name": "penguin_model",
        "predicts": "body_mass_g",
        "penguins": len(data),
        "intercept": round(intercept, 6),
        "coefficients": {name: round(value, 6) for name, value in zip(INPUTS, coefficients)},
    }
    folder = HERE / "model" / "penguin_model"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.json").write_text(json.dumps(model, indent=2) + "\n", encoding="utf-8")
    print(json.dumps(model["coefficients"]))


if __name__ == "__main__":
    main()
