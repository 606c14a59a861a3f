//! What a statement does besides reading and changing rows.

use crate::sql::tree::{self, Node, nodes};

use super::Name;

/// Something that a statement does besides.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SideEffect {
    /// COPY to or from a program of the server.
    Program,
    /// COPY to or from a file of the server, or a function that reads or lists files.
    ServerFile,
    /// DO.
    Block,
    /// CALL.
    Call,
    /// SET, RESET, or `set_config`; the name of the setting where the text shows it.
    Setting(String),
    /// A change of role: SET ROLE, SET SESSION AUTHORIZATION.
    Role,
    /// A transaction is to be one that may write.
    ReadWrite,
    /// LISTEN or UNLISTEN.
    Listen,
    /// NOTIFY or `pg_notify`.
    Notify,
    /// A function of large objects.
    LargeObject,
    /// EXPLAIN without running the statement.
    Explain,
    /// EXPLAIN ANALYZE.
    ExplainAnalyze,
    /// Rows are locked: FOR UPDATE and its like.
    RowLock,
    /// Tables or numbers are locked.
    Lock,
    /// A sequence moves on.
    Sequence,
    /// A text is run as a statement, or names the table that is read.
    RunsText,
    /// Another server is asked.
    OtherServer,
    /// Another session is ended.
    Signal,
    /// The server's own workings: its log, its WAL, its statistics, its settings.
    Server,
    /// A library is loaded.
    Library,
    /// A table is made from the result.
    Into,
    /// Replication slots are read or changed.
    Replication,
}

/// Of the statement by its root.
pub(super) fn of_statement(root: &Node) -> Vec<SideEffect> {
    let mut found = Vec::new();
    match root {
        Node::CopyStmt(copy) if copy.is_program => found.push(SideEffect::Program),
        Node::CopyStmt(copy) if !copy.filename.is_empty() => found.push(SideEffect::ServerFile),
        Node::DoStmt(_) => found.push(SideEffect::Block),
        Node::CallStmt(_) => found.push(SideEffect::Call),
        Node::ListenStmt(_) | Node::UnlistenStmt(_) => found.push(SideEffect::Listen),
        Node::NotifyStmt(_) => found.push(SideEffect::Notify),
        Node::LockStmt(_) => found.push(SideEffect::Lock),
        Node::LoadStmt(_) => found.push(SideEffect::Library),
        Node::VariableSetStmt(set) => {
            let name = set.name.to_ascii_lowercase();
            if matches!(name.as_str(), "role" | "session_authorization") {
                found.push(SideEffect::Role);
            }
            if is_read_write(&set.args) {
                found.push(SideEffect::ReadWrite);
            }
            found.push(SideEffect::Setting(name));
        }
        Node::TransactionStmt(transaction) if is_read_write(&transaction.options) => {
            found.push(SideEffect::ReadWrite);
        }
        Node::DiscardStmt(_) => found.push(SideEffect::Setting(String::new())),
        Node::CreateTableAsStmt(_) => found.push(SideEffect::Into),
        Node::SelectStmt(select) if select.into_clause.is_some() => found.push(SideEffect::Into),
        Node::ExplainStmt(explain) => {
            let options = nodes(&explain.options);
            let runs = options.into_iter().any(|option| match option {
                Node::DefElem(option) if option.defname == "analyze" => !is_off(option),
                _ => false,
            });
            found.push(if runs {
                SideEffect::ExplainAnalyze
            } else {
                SideEffect::Explain
            });
        }
        _ => {}
    }
    found
}

/// READ WRITE among the modes of a transaction.
fn is_read_write(modes: &[tree::Wrapped]) -> bool {
    nodes(modes).any(|mode| match mode {
        Node::DefElem(mode) if mode.defname == "transaction_read_only" => {
            match tree::inner(mode.arg.as_deref()) {
                Some(Node::AConst(constant)) => !matches!(
                    &constant.val,
                    Some(velum_parser::tree::a_const::Val::Ival(number)) if number.ival != 0
                ),
                _ => true,
            }
        }
        _ => false,
    })
}

/// `ANALYZE off` is the one way not to ask for it.
fn is_off(option: &velum_parser::tree::DefElem) -> bool {
    match tree::inner(option.arg.as_deref()) {
        Some(Node::String(text)) => matches!(text.sval.as_str(), "off" | "false"),
        Some(Node::Boolean(value)) => !value.boolval,
        Some(Node::Integer(value)) => value.ival == 0,
        _ => false,
    }
}

/// Of a function by its name, whatever schema it is said to be in.
pub(super) fn of_function(name: &Name, found: &mut Vec<SideEffect>) {
    let Some(bare) = name.last().map(String::as_str) else {
        return;
    };
    let effect = match bare {
        "set_config" => SideEffect::Setting(String::new()),
        "pg_notify" => SideEffect::Notify,
        "nextval" | "setval" => SideEffect::Sequence,
        "loread" | "lowrite" => SideEffect::LargeObject,
        "query_to_xml"
        | "query_to_xmlschema"
        | "query_to_xml_and_xmlschema"
        | "cursor_to_xml"
        | "cursor_to_xmlschema"
        | "table_to_xml"
        | "table_to_xmlschema"
        | "table_to_xml_and_xmlschema"
        | "schema_to_xml"
        | "schema_to_xmlschema"
        | "schema_to_xml_and_xmlschema"
        | "database_to_xml"
        | "database_to_xmlschema"
        | "database_to_xml_and_xmlschema"
        | "ts_stat"
        | "ts_rewrite"
        | "xpath_table"
        | "crosstab"
        | "crosstabn"
        | "connectby" => SideEffect::RunsText,
        "pg_cancel_backend" | "pg_terminate_backend" => SideEffect::Signal,
        "pg_reload_conf"
        | "pg_rotate_logfile"
        | "pg_switch_wal"
        | "pg_promote"
        | "pg_create_restore_point"
        | "pg_import_system_collations"
        | "pg_log_backend_memory_contexts"
        | "pg_log_standby_snapshot" => SideEffect::Server,
        name if name.starts_with("pg_stat_reset")
            || name.starts_with("pg_backup_")
            || name.starts_with("pg_wal_replay_") =>
        {
            SideEffect::Server
        }
        name if name.starts_with("lo_") => SideEffect::LargeObject,
        name if name.starts_with("dblink") => SideEffect::OtherServer,
        name if name.starts_with("pg_read_") || name.starts_with("pg_ls_") => {
            SideEffect::ServerFile
        }
        "pg_stat_file" | "pg_file_write" | "pg_file_read" => SideEffect::ServerFile,
        name if name.starts_with("pg_logical_") || name.contains("replication_slot") => {
            SideEffect::Replication
        }
        name if name.contains("advisory_") => SideEffect::Lock,
        _ => return,
    };
    found.push(effect);
}
