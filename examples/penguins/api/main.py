"""The penguins' API, in the form that vetiver gives a model: `/ping`, and `/predict` for a list of rows."""

import json
import os
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import RedirectResponse
from pydantic import BaseModel

MODEL = Path(os.environ.get("MODEL_FOLDER", "/data/model")) / "penguin_model" / "model.json"


class Penguin(BaseModel):
    """One row: what the model wants to know of a penguin."""

    bill_length_mm: float
    species_Chinstrap: int = 0
    species_Gentoo: int = 0
    sex_male: int = 0


def load(path):
    """Reads the model. A model that is missing or malformed ends the API at its start, not at its first question."""
    model = json.loads(path.read_text(encoding="utf-8"))
    coefficients = {name: float(value) for name, value in model["coefficients"].items()}
    if set(coefficients) != set(Penguin.model_fields):
        raise ValueError(f"`{path}` is a model of {sorted(coefficients)}")
    return float(model["intercept"]), coefficients


INTERCEPT, COEFFICIENTS = load(MODEL)
app = FastAPI(title="Penguins", description="How heavy a penguin is, in grams")


@app.get("/", include_in_schema=False)
def start():
    """Leads to the page that lets people try the API."""
    return RedirectResponse(f"{os.environ.get('UVICORN_ROOT_PATH', '').rstrip('/')}/docs")


@app.get("/ping")
def ping():
    """Says that the API is there."""
    return {"ping": "pong"}


@app.post("/predict")
def predict(penguins: list[Penguin]):
    """Gives the body mass of each penguin, in grams."""
    rows = [penguin.model_dump() for penguin in penguins]
    masses = [INTERCEPT + sum(COEFFICIENTS[name] * value for name, value in row.items()) for row in rows]
    return {"predict": [round(mass, 1) for mass in masses]}
