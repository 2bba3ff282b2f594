# Questions over HTTP; the question is a parameter of the statement.
class AskController < ApplicationController
  ANSWER = <<~SQL
    SELECT row_to_json(a) FROM
      (SELECT status, columns, rows, sql, explanation, reason FROM postai.answer($1, 20)) AS a
  SQL
  ORDERS = "SELECT status, orders FROM postai_cache.orders_by_status ORDER BY orders DESC"

  def show
    found = ActiveRecord::Base.connection.exec_query(ANSWER, "ask", [params[:q].to_s])
    render json: found.rows.first.first
  rescue ActiveRecord::StatementInvalid => error
    render json: { detail: error.cause&.message || error.message }, status: :service_unavailable
  end

  def orders
    render json: ActiveRecord::Base.connection.exec_query(ORDERS).to_a
  end
end
