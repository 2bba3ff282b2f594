// A tour of JDBC: java -cp postgresql.jar Jdbc.java HOST PORT USER PASSWORD DATABASE TYPES MAKE ERROR...
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.sql.*;
import java.util.Properties;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.copy.CopyManager;

public class Jdbc {
    static void rows(ResultSet found) throws SQLException {
        while (found.next()) {
            StringBuilder line = new StringBuilder();
            for (int n = 1; n <= found.getMetaData().getColumnCount(); n++) {
                Object value = found.getObject(n);
                line.append(found.getMetaData().getColumnTypeName(n)).append('=');
                line.append(value instanceof byte[] ? java.util.Arrays.toString((byte[]) value) : value).append('|');
            }
            System.out.println(line);
        }
    }

    static void failed(SQLException error) {
        System.out.println(error.getSQLState() + " " + error.getMessage().replace('\n', ' '));
    }

    public static void main(String[] given) throws Exception {
        Properties who = new Properties();
        who.setProperty("user", given[2]);
        who.setProperty("password", given[3]);
        String url = "jdbc:postgresql://" + given[0] + ":" + given[1] + "/" + given[4];
        try (Connection one = DriverManager.getConnection(url, who)) {
            PGConnection own = one.unwrap(PGConnection.class);
            own.setPrepareThreshold(3);
            try (Statement statement = one.createStatement()) {
                for (int n = 0; n < 7; n++) rows(statement.executeQuery(given[5]));
                statement.execute(given[6]);
                CopyManager copy = own.getCopyAPI();
                StringBuilder data = new StringBuilder();
                for (int n = 0; n < 500; n++) data.append(n).append("\trow ").append(n).append('\n');
                System.out.println(copy.copyIn("copy tour from stdin", new ByteArrayInputStream(data.toString().getBytes())));
                ByteArrayOutputStream out = new ByteArrayOutputStream();
                copy.copyOut("copy (select * from tour order by a) to stdout", out);
                System.out.println(out);
                try (PreparedStatement find = one.prepareStatement("select b from tour where a = ?")) {
                    for (int n = 0; n < 8; n++) { find.setInt(1, n); rows(find.executeQuery()); }
                }
                try (PreparedStatement add = one.prepareStatement("insert into tour values (?, ?)")) {
                    for (int n = 500; n < 600; n++) { add.setInt(1, n); add.setString(2, "row " + n); add.addBatch(); }
                    System.out.println(add.executeBatch().length);
                }
                one.setAutoCommit(false);
                statement.setFetchSize(7);
                rows(statement.executeQuery("select a from tour order by a"));
                statement.execute("update tour set b = 'changed' where a < 3");
                rows(statement.executeQuery("select * from tour order by a limit 4"));
                one.rollback();
                one.setAutoCommit(true);
                statement.setFetchSize(0);
                for (int n = 7; n < given.length; n++)
                    try { statement.execute(given[n]); } catch (SQLException error) { failed(error); }
                Thread later = new Thread(() -> {
                    try { Thread.sleep(300); statement.cancel(); } catch (Exception error) { System.out.println(error); }
                });
                later.start();
                try { statement.execute("select pg_sleep(20)"); } catch (SQLException error) { failed(error); }
                later.join();
                rows(statement.executeQuery("select count(*) from tour"));
                statement.execute("listen tour");
                statement.execute("notify tour, 'hello'");
                for (PGNotification heard : own.getNotifications(5000))
                    System.out.println(heard.getName() + " " + heard.getParameter());
            }
        }
    }
}
