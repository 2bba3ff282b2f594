package shop;

import java.util.List;
import java.util.Map;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.dao.DataAccessException;
import org.springframework.http.MediaType;
import org.springframework.http.ResponseEntity;
import org.springframework.jdbc.core.JdbcTemplate;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.RestController;

/** Questions over HTTP, by Spring's JDBC template; SPRING_DATASOURCE_URL, _USERNAME and _PASSWORD say where the edge is. */
@SpringBootApplication
@RestController
public class Ask {
  private static final String ANSWER =
      "SELECT row_to_json(a)::text FROM"
          + " (SELECT status, columns, rows, sql, explanation, reason FROM postai.answer(?, 20)) AS a";

  private static final String ORDERS = "SELECT status, orders FROM postai_cache.orders_by_status ORDER BY orders DESC";

  private final JdbcTemplate jdbc;

  Ask(JdbcTemplate jdbc) {
    this.jdbc = jdbc;
  }

  @GetMapping(path = "/ask", produces = MediaType.APPLICATION_JSON_VALUE)
  ResponseEntity<?> ask(@RequestParam String q) {
    try {
      return ResponseEntity.ok(jdbc.queryForObject(ANSWER, String.class, q));
    } catch (DataAccessException error) {
      return ResponseEntity.status(503).body(Map.of("detail", error.getMostSpecificCause().getMessage()));
    }
  }

  @GetMapping("/orders")
  List<Map<String, Object>> orders() {
    return jdbc.queryForList(ORDERS);
  }

  public static void main(String[] args) {
    SpringApplication.run(Ask.class, args);
  }
}
