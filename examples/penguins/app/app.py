"""How heavy is a penguin? Asks the API whose address is in `API_URL`."""

import logging
import os

import requests
from shiny import App, reactive, render, ui

API = os.environ.get("API_URL", "http://127.0.0.1:8080").rstrip("/")
SPECIES = ["Adelie", "Chinstrap", "Gentoo"]
SEXES = ["female", "male"]

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")

app_ui = ui.page_sidebar(
    ui.sidebar(
        ui.input_slider("bill_length", "Bill length (mm)", min=30, max=60, value=45, step=0.1),
        ui.input_select("species", "Species", SPECIES),
        ui.input_radio_buttons("sex", "Sex", SEXES, inline=True),
        ui.input_action_button("predict", "Predict", class_="btn-primary"),
    ),
    ui.value_box("Predicted body mass", ui.output_text("mass")),
    ui.card(ui.card_header("What the API is asked"), ui.output_code("question_text")),
    title="Penguin mass predictor",
)


def row(bill_length, species, sex):
    """One row with the model's inputs, by the names that the model has for them."""
    return {
        "bill_length_mm": bill_length,
        "species_Chinstrap": int(species == "Chinstrap"),
        "species_Gentoo": int(species == "Gentoo"),
        "sex_male": int(sex == "male"),
    }


def ask(question):
    """Asks the API for one penguin's mass, in grams. It wants a list of rows."""
    answer = requests.post(f"{API}/predict", json=[question], timeout=10)
    answer.raise_for_status()
    return float(answer.json()["predict"][0])


def server(input, _output, _session):
    """Wires inputs and outputs."""

    @reactive.calc
    def question():
        return row(input.bill_length(), input.species(), input.sex())

    @render.code
    def question_text():
        return str([question()])

    @render.text
    @reactive.event(input.predict, ignore_none=False)
    def mass():
        try:
            grams = ask(question())
        except (requests.RequestException, KeyError, ValueError) as error:
            logging.warning("the API did not answer: %s", error)
            return "the API does not answer (yet)"
        logging.info("%s weighs %.0f g", question(), grams)
        return f"{grams:.0f} g"


app = App(app_ui, server)
