# Questions over HTTP; the question is a parameter of the statement.
class AskController < ApplicationController
  ANSWER = <<~SQL
    SELECT row_to_json(a) FROM
      (SELECT status, columns, rows, sql, explanation, reason FROM postai.answer($1, 20)) AS a
  SQL

  def show
    found = ActiveRecord::Base.connection.exec_query(ANSWER, "ask", [params[:q].to_s])
    render json: found.rows.first.first
  rescue ActiveRecord::StatementInvalid => error
    render json: { detail: error.cause&.message || error.message }, status: :service_unavailable
  end
end
