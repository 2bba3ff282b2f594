Rails.application.routes.draw do
  get "/ask", to: "ask#show"
end
