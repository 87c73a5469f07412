# How heavy is a penguin? Asks the API whose address is in `API_URL`.
library(shiny)

api <- sub("/+$", "", Sys.getenv("API_URL", "http://127.0.0.1:8080"))

ui <- fluidPage(
  titlePanel("Penguin mass predictor"),
  sidebarLayout(
    sidebarPanel(
      sliderInput("bill_length", "Bill length (mm)", min = 30, max = 60, value = 45, step = 0.1),
      selectInput("species", "Species", c("Adelie", "Chinstrap", "Gentoo")),
      radioButtons("sex", "Sex", c("female", "male"), inline = TRUE),
      actionButton("predict", "Predict", class = "btn-primary")
    ),
    mainPanel(
      h3("Predicted body mass"), textOutput("mass"),
      h3("What the API is asked"), verbatimTextOutput("question")
    )
  )
)

# One row with the model's inputs, by the names that the model has for them. The API wants a list of rows,
# which is what jsonlite makes of a data frame.
row <- function(input) {
  data.frame(
    bill_length_mm = input$bill_length,
    species_Chinstrap = as.integer(input$species == "Chinstrap"),
    species_Gentoo = as.integer(input$species == "Gentoo"),
    sex_male = as.integer(input$sex == "male")
  )
}

ask <- function(question) {
  handle <- curl::new_handle(timeout = 10)
  curl::handle_setheaders(handle, "Content-Type" = "application/json")
  curl::handle_setopt(handle, copypostfields = as.character(jsonlite::toJSON(question)))
  answer <- curl::curl_fetch_memory(paste0(api, "/predict"), handle)
  if (answer$status_code != 200) stop("the API answers ", answer$status_code)
  jsonlite::fromJSON(rawToChar(answer$content))$predict[[1]]
}

server <- function(input, output, session) {
  output$question <- renderText(as.character(jsonlite::toJSON(row(input))))
  output$mass <- renderText({
    input$predict
    question <- isolate(row(input))
    tryCatch(sprintf("%.0f g", ask(question)), error = function(problem) {
      message("the API did not answer: ", conditionMessage(problem))
      "the API does not answer (yet)"
    })
  })
}

shinyApp(ui, server)
