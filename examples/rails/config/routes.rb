Rails.application.routes.draw do
  get "/ask", to: "ask#show"
  get "/orders", to: "ask#orders"
end
