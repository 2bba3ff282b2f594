// Questions over HTTP, by pgx. DATABASE_URL says where the database is.
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

func main() {
	config, err := pgxpool.ParseConfig(os.Getenv("DATABASE_URL"))
	if err != nil {
		log.Fatal(err)
	}
	config.MaxConns = 5
	// With the connection: a SET later would keep it from being shared behind the edge.
	config.ConnConfig.RuntimeParams["statement_timeout"] = "30s"
	pool, err := pgxpool.NewWithConfig(context.Background(), config)
	if err != nil {
		log.Fatal(err)
	}
	defer pool.Close()

	http.HandleFunc("GET /ask", func(w http.ResponseWriter, r *http.Request) {
		var found json.RawMessage
		w.Header().Set("Content-Type", "application/json")
		if err := pool.QueryRow(r.Context(), answer, r.URL.Query().Get("q")).Scan(&found); err != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			json.NewEncoder(w).Encode(map[string]string{"detail": err.Error()})
			return
		}
		w.Write(found)
	})
	log.Fatal(http.ListenAndServe("127.0.0.1:8080", nil))
}
