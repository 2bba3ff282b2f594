// Questions over HTTP, by pgx. DATABASE_URL says where the edge is, PORT where this listens.
package main

import (
	"context"
	"encoding/json"
	"log"
	"net/http"
	"os"

	"github.com/jackc/pgx/v5/pgxpool"
)

const answer = `SELECT row_to_json(a) FROM
	(SELECT status, columns, rows, sql, explanation, reason FROM postai.answer($1, 20)) AS a`

const orders = `SELECT json_agg(o) FROM
	(SELECT status, orders FROM postai_cache.orders_by_status ORDER BY orders DESC) AS o`

func pool(most int32) *pgxpool.Pool {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns = most
	// With the connection: a SET later would keep it from being shared behind the edge.
	config.ConnConfig.RuntimeParams["statement_timeout"] = "30s"
	made, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	return made
}

// reply writes the one JSON document that a statement gives.
func reply(w http.ResponseWriter, r *http.Request, from *pgxpool.Pool, statement string, values ...any) {
	var found json.RawMessage
	w.Header().Set("Content-Type", "application/json")
	if err := from.QueryRow(r.Context(), statement, values...).Scan(&found); err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		json.NewEncoder(w).Encode(map[string]string{"detail": err.Error()})
		return
	}
	w.Write(found)
}

func main() {
	// A session that asks keeps its server connection behind the edge, so questions have connections of their own.
	reads, questions := pool(5), pool(2)
	http.HandleFunc("GET /ask", func(w http.ResponseWriter, r *http.Request) {
		reply(w, r, questions, answer, r.URL.Query().Get("q"))
	})
	http.HandleFunc("GET /orders", func(w http.ResponseWriter, r *http.Request) {
		reply(w, r, reads, orders)
	})
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	log.Fatal(http.ListenAndServe("127.0.0.1:"+port, nil))
}
