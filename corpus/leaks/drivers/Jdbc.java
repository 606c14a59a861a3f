// pgjdbc for the leak suite: prepared on the server from the first execution on, binary transfer,
// fetch size, COPY. Reads the suite's JSON lines and answers as proxy/src/leak_suite/driver.rs says.
import java.io.*;
import java.nio.charset.StandardCharsets;
import java.sql.*;
import java.util.*;
import org.postgresql.PGConnection;
import org.postgresql.PGNotification;
import org.postgresql.PGStatement;
import org.postgresql.util.PSQLException;

public class Jdbc {
    static PrintStream out = new PrintStream(new FileOutputStream(FileDescriptor.out), false,
        StandardCharsets.UTF_8);
    static Connection connection;
    static Map<String, PreparedStatement> kept = new HashMap<>();

    // The suite writes objects of one level: strings and numbers.
    static Map<String, String> parse(String line) {
        Map<String, String> found = new HashMap<>();
        int at = 1;
        while (at < line.length() && line.charAt(at) != '}') {
            StringBuilder name = new StringBuilder(), value = new StringBuilder();
            at = text(line, at, name) + 1;
            if (line.charAt(at) == '"') {
                at = text(line, at, value);
            } else {
                while (",}".indexOf(line.charAt(at)) < 0) value.append(line.charAt(at++));
            }
            found.put(name.toString(), value.toString());
            if (line.charAt(at) == ',') at++;
        }
        return found;
    }

    static int text(String line, int at, StringBuilder into) {
        for (at++; line.charAt(at) != '"'; at++) {
            char it = line.charAt(at);
            if (it == '\\') {
                it = line.charAt(++at);
                switch (it) {
                    case 'n' -> it = '\n';
                    case 'r' -> it = '\r';
                    case 't' -> it = '\t';
                    case 'u' -> {
                        it = (char) Integer.parseInt(line.substring(at + 1, at + 5), 16);
                        at += 4;
                    }
                    default -> { }
                }
            }
            into.append(it);
        }
        return at + 1;
    }

    static String clean(String text) {
        return text.replace('\t', ' ').replace('\n', ' ').replace('\r', ' ');
    }

    static void remark(String text) {
        out.println("! " + clean(String.valueOf(text)));
    }

    static void open() throws SQLException {
        kept.clear();
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("password", System.getenv("PGPASSWORD"));
        properties.setProperty("prepareThreshold", "1");
        properties.setProperty("logServerErrorDetail", "true");
        if (System.getenv("PGSSLMODE").equals("disable")) {
            properties.setProperty("sslmode", "disable");
        } else {
            properties.setProperty("sslmode", "verify-ca");
            properties.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
        }
        connection = DriverManager.getConnection("jdbc:postgresql://" + System.getenv("PGHOST")
            + ":" + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE"), properties);
    }

    static void show(ResultSet result) throws SQLException {
        int columns = result.getMetaData().getColumnCount();
        int rows = 0;
        for (; result.next(); rows++) {
            StringBuilder line = new StringBuilder();
            for (int i = 1; i <= columns; i++) {
                String value = result.getString(i);
                line.append(i > 1 ? "\t" : "").append(value == null ? "\\N" : clean(value));
            }
            out.println(line);
        }
        out.println("= " + rows);
    }

    static void all(Statement statement, boolean isResult) throws SQLException {
        while (true) {
            if (isResult) {
                show(statement.getResultSet());
            } else if (statement.getUpdateCount() == -1) {
                break;
            } else {
                out.println("= " + statement.getUpdateCount());
            }
            isResult = statement.getMoreResults();
        }
        told(statement.getWarnings());
    }

    static void told(SQLWarning warning) {
        for (; warning != null; warning = warning.getNextWarning()) {
            remark(words(warning));
        }
    }

    static String words(SQLException error) {
        if (error instanceof PSQLException it && it.getServerErrorMessage() != null) {
            var message = it.getServerErrorMessage();
            return message + " " + message.getDetail() + " " + message.getHint() + " "
                + message.getWhere() + " " + message.getInternalQuery();
        }
        return String.valueOf(error.getMessage());
    }

    static void ask(Map<String, String> step) throws SQLException, IOException {
        String way = step.get("send"), sql = step.get("sql");
        boolean toClient = sql.toUpperCase().matches("(?s)COPY.*\\bTO\\s+STDOUT.*");
        if (way.equals("copy") || (toClient && !sql.contains("; "))) {
            ByteArrayOutputStream data = new ByteArrayOutputStream();
            long rows = connection.unwrap(PGConnection.class).getCopyAPI().copyOut(sql, data);
            for (String line : data.toString(StandardCharsets.ISO_8859_1).split("\n")) {
                out.println(clean(line));
            }
            out.println("= " + rows);
        } else if (way.equals("prepare")) {
            kept.put(step.get("name"), prepared(sql, 1));
            kept.get(step.get("name")).getMetaData();
            out.println("= PREPARE");
        } else if (way.equals("run")) {
            PreparedStatement statement = kept.get(step.get("name"));
            if (statement == null) throw new SQLException("not prepared", "26000");
            all(statement, statement.execute());
        } else if (way.equals("rows")) {
            connection.setAutoCommit(false);
            try (PreparedStatement statement = prepared(sql, 1)) {
                statement.setFetchSize(Integer.parseInt(step.get("limit")));
                all(statement, statement.execute());
            } finally {
                connection.rollback();
                connection.setAutoCommit(true);
            }
        } else if (way.equals("text")) {
            // As `simple` is sent, by the same extended queries.
            out.println("= not asked");
        } else if (way.equals("simple")) {
            try (Statement statement = connection.createStatement()) {
                all(statement, statement.execute(sql));
            }
        } else {
            try (PreparedStatement statement = prepared(sql, 1)) {
                all(statement, statement.execute());
            }
        }
        PGNotification[] heard = connection.unwrap(PGConnection.class).getNotifications();
        for (PGNotification it : heard == null ? new PGNotification[0] : heard) {
            remark(it.getName() + " " + it.getParameter());
        }
    }

    static PreparedStatement prepared(String sql, int threshold) throws SQLException {
        // A question mark of SQL is none of the driver's.
        PreparedStatement statement = connection.prepareStatement(sql.replace("?", "??"));
        statement.unwrap(PGStatement.class).setPrepareThreshold(threshold);
        return statement;
    }

    public static void main(String[] arguments) throws Exception {
        BufferedReader in = new BufferedReader(
            new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            Map<String, String> step = parse(line);
            try {
                if (step.containsKey("open")) {
                    open();
                } else if (step.containsKey("close")) {
                    connection.close();
                } else {
                    ask(step);
                }
            } catch (SQLException error) {
                remark(words(error));
                boolean isLost = connection == null || connection.isClosed();
                out.println(isLost ? "= LOST" : "= SQLSTATE " + error.getSQLState());
            } catch (RuntimeException error) {
                remark(String.valueOf(error));
                out.println("= " + error.getClass().getSimpleName());
            }
            out.println("\u001e");
            out.flush();
        }
    }
}
