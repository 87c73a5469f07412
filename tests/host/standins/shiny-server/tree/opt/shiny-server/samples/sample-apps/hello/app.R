library(shiny); shinyApp(fluidPage('hello'), function(input, output) {})
