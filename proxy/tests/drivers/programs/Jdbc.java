// pgjdbc: server-side prepare from the first execution, binary transfer, fetch size, simple mode,
// COPY. Prints one line a value: case, row, column, value.
import java.io.StringWriter;
import java.sql.*;
import java.util.Properties;
import org.postgresql.PGConnection;

public class Jdbc {
    static Connection connect(String mode) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", System.getenv("PGUSER"));
        properties.setProperty("password", System.getenv("PGPASSWORD"));
        properties.setProperty("prepareThreshold", "1");
        properties.setProperty("preferQueryMode", mode);
        if (System.getenv("PGSSLMODE").equals("disable")) {
            properties.setProperty("sslmode", "disable");
        } else {
            properties.setProperty("sslmode", "verify-ca");
            properties.setProperty("sslrootcert", System.getenv("PGSSLROOTCERT"));
        }
        return DriverManager.getConnection("jdbc:postgresql://" + System.getenv("PGHOST") + ":"
            + System.getenv("PGPORT") + "/" + System.getenv("PGDATABASE"), properties);
    }

    static void show(String name, ResultSet result) throws SQLException {
        ResultSetMetaData about = result.getMetaData();
        for (int row = 0; result.next(); row++) {
            for (int i = 1; i <= about.getColumnCount(); i++) {
                System.out.println(name + "\t" + row + "\t" + about.getColumnLabel(i) + "\t" + result.getString(i));
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        String all = "SELECT * FROM clinic.patients ORDER BY id";
        for (String mode : new String[] {"extended", "simple", "extendedCacheEverything"}) {
            try (Connection connection = connect(mode)) {
                try (Statement statement = connection.createStatement()) {
                    show(mode + "_plain", statement.executeQuery(all));
                }
                try (PreparedStatement statement = connection.prepareStatement(
                        "SELECT id, city, ssn, ssn AS hidden_ssn, ssn_number, born, salary FROM clinic.patients"
                        + " WHERE id >= ? ORDER BY id")) {
                    for (int turn = 0; turn < 6; turn++) {
                        statement.setInt(1, turn);
                        show(mode + "_prepared_" + turn, statement.executeQuery());
                    }
                }
                connection.setAutoCommit(false);
                try (PreparedStatement statement = connection.prepareStatement(all)) {
                    statement.setFetchSize(2);
                    show(mode + "_fetch", statement.executeQuery());
                }
                connection.rollback();
            }
        }
        try (Connection connection = connect("extended")) {
            StringWriter out = new StringWriter();
            connection.unwrap(PGConnection.class).getCopyAPI()
                .copyOut("COPY (SELECT ssn FROM clinic.patients ORDER BY id) TO STDOUT (FORMAT csv)", out);
            System.out.println("copy\t0\tssn\t" + out.toString().replace("\n", "|"));
            try (Statement statement = connection.createStatement()) {
                statement.execute("CREATE TEMP TABLE arrivals (id int, what text)");
            }
            try (PreparedStatement statement = connection.prepareStatement(
                    "INSERT INTO arrivals (id, what) VALUES (?, ?)")) {
                for (int number = 0; number < 100; number++) {
                    statement.setInt(1, number);
                    statement.setString(2, "row " + number);
                    statement.addBatch();
                }
                System.out.println("batch\t0\tid\t" + statement.executeBatch().length);
            }
            try (Statement statement = connection.createStatement()) {
                show("counted", statement.executeQuery("SELECT count(*) AS id FROM arrivals"));
            }
        }
    }
}
