# Runs the app that the line on the standard input names, as Shiny Server's own adapter does.
source <- file("stdin")
said <- jsonlite::fromJSON(readLines(source, n = 1))
close(source)
shiny::runApp(said$appDir, port = as.integer(said$port), host = "127.0.0.1", launch.browser = FALSE)
