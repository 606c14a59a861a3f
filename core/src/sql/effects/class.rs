//! What a statement is, by its root.

use velum_parser::tree::ObjectType;

use crate::sql::tree::Node;

use super::NotUnderstood;

/// What a statement is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// SELECT, VALUES, TABLE.
    Query,
    /// INSERT.
    Insert,
    /// UPDATE.
    Update,
    /// DELETE.
    Delete,
    /// MERGE.
    Merge,
    /// TRUNCATE.
    Truncate,
    /// COPY … FROM.
    CopyIn,
    /// COPY … TO.
    CopyOut,
    /// EXPLAIN.
    Explain,
    /// PREPARE.
    Prepare,
    /// EXECUTE.
    Execute,
    /// DEALLOCATE.
    Deallocate,
    /// DECLARE.
    Declare,
    /// FETCH and MOVE.
    Fetch,
    /// CLOSE.
    Close,
    /// BEGIN, COMMIT, SAVEPOINT and all that belongs to transactions.
    Transaction,
    /// SET and RESET.
    Setting,
    /// SHOW.
    Show,
    /// DISCARD.
    Discard,
    /// LISTEN and UNLISTEN.
    Listen,
    /// NOTIFY.
    Notify,
    /// LOCK.
    Lock,
    /// DO and CALL.
    Routine,
    /// CREATE TABLE AS, and SELECT INTO by its other name.
    CreateAs,
    /// CREATE VIEW.
    View,
    /// CREATE, DROP, COMMENT of things in the database.
    Define,
    /// ALTER, and what checks the values that are there: indexes, statistics.
    Alter,
    /// Functions, triggers, rules, operators, casts: what runs code later.
    Code,
    /// GRANT, REVOKE, roles, row security.
    Permission,
    /// Databases, tablespaces, servers, subscriptions, settings of the server, LOAD.
    Server,
    /// VACUUM, ANALYZE, CLUSTER, REINDEX, REFRESH, CHECKPOINT.
    Maintenance,
}

impl Class {
    /// All of them, each with how a configuration and a sentence call it.
    const NAMES: [(Class, &str, &str); 31] = [
        (Class::Query, "select", "SELECT"),
        (Class::Insert, "insert", "INSERT"),
        (Class::Update, "update", "UPDATE"),
        (Class::Delete, "delete", "DELETE"),
        (Class::Merge, "merge", "MERGE"),
        (Class::Truncate, "truncate", "TRUNCATE"),
        (Class::CopyIn, "copy from", "COPY FROM"),
        (Class::CopyOut, "copy to", "COPY TO"),
        (Class::Explain, "explain", "EXPLAIN"),
        (Class::Prepare, "prepare", "PREPARE"),
        (Class::Execute, "execute", "EXECUTE"),
        (Class::Deallocate, "deallocate", "DEALLOCATE"),
        (Class::Declare, "declare", "DECLARE"),
        (Class::Fetch, "fetch", "FETCH"),
        (Class::Close, "close", "CLOSE"),
        (Class::Transaction, "transaction", "transaction control"),
        (Class::Setting, "set", "SET"),
        (Class::Show, "show", "SHOW"),
        (Class::Discard, "discard", "DISCARD"),
        (Class::Listen, "listen", "LISTEN"),
        (Class::Notify, "notify", "NOTIFY"),
        (Class::Lock, "lock", "LOCK"),
        (Class::Routine, "call", "CALL or DO"),
        (Class::CreateAs, "create as", "CREATE TABLE AS"),
        (Class::View, "create view", "CREATE VIEW"),
        (Class::Define, "define", "CREATE or DROP"),
        (Class::Alter, "alter", "ALTER, or CREATE INDEX"),
        (
            Class::Code,
            "define code",
            "defining functions, triggers, rules, operators or casts",
        ),
        (Class::Permission, "grant", "GRANT, or managing roles"),
        (
            Class::Server,
            "server",
            "managing databases, extensions or the server",
        ),
        (
            Class::Maintenance,
            "maintenance",
            "VACUUM or other maintenance",
        ),
    ];

    /// Every class.
    pub fn all() -> impl Iterator<Item = Class> {
        Self::NAMES.into_iter().map(|(class, ..)| class)
    }

    /// How a configuration calls it.
    pub fn key(self) -> &'static str {
        self.names().0
    }

    /// How a sentence calls it.
    pub fn words(self) -> &'static str {
        self.names().1
    }

    fn names(self) -> (&'static str, &'static str) {
        let mut names = Self::NAMES.into_iter();
        let own = names.find(|(class, ..)| *class == self);
        own.map_or(("", ""), |(_, key, words)| (key, words))
    }

    /// Does it only hold other statements, or belong to the session and its transactions?
    pub fn is_frame(self) -> bool {
        matches!(
            self,
            Class::Prepare
                | Class::Execute
                | Class::Deallocate
                | Class::Declare
                | Class::Fetch
                | Class::Close
                | Class::Transaction
                | Class::Setting
                | Class::Show
                | Class::Discard
        )
    }

    /// Does it change rows, or what holds them?
    pub fn writes(self) -> bool {
        matches!(
            self,
            Class::Insert
                | Class::Update
                | Class::Delete
                | Class::Merge
                | Class::Truncate
                | Class::CopyIn
                | Class::CreateAs
                | Class::View
                | Class::Define
                | Class::Alter
                | Class::Code
                | Class::Routine
                | Class::Permission
                | Class::Server
        )
    }

    /// Does a statement of this class run no code but what stands in its text, or in that of the
    /// statement which it names? The end of a transaction runs deferred triggers.
    pub(super) fn runs_itself_only(self) -> bool {
        matches!(
            self,
            Class::Query
                | Class::CopyOut
                | Class::Explain
                | Class::Prepare
                | Class::Execute
                | Class::Deallocate
                | Class::Declare
                | Class::Fetch
                | Class::Close
                | Class::Setting
                | Class::Show
                | Class::Listen
                | Class::Notify
                | Class::Lock
        )
    }
}

/// The class of the statement at `root`.
pub(super) fn of(root: &Node) -> Result<Class, NotUnderstood> {
    Ok(match root {
        Node::SelectStmt(_) => Class::Query,
        Node::InsertStmt(_) => Class::Insert,
        Node::UpdateStmt(_) => Class::Update,
        Node::DeleteStmt(_) => Class::Delete,
        Node::MergeStmt(_) => Class::Merge,
        Node::TruncateStmt(_) => Class::Truncate,
        Node::CopyStmt(copy) if copy.is_from => Class::CopyIn,
        Node::CopyStmt(_) => Class::CopyOut,
        Node::ExplainStmt(_) => Class::Explain,
        Node::PrepareStmt(_) => Class::Prepare,
        Node::ExecuteStmt(_) => Class::Execute,
        Node::DeallocateStmt(_) => Class::Deallocate,
        Node::DeclareCursorStmt(_) => Class::Declare,
        Node::FetchStmt(_) => Class::Fetch,
        Node::ClosePortalStmt(_) => Class::Close,
        Node::TransactionStmt(_) | Node::ConstraintsSetStmt(_) => Class::Transaction,
        Node::VariableSetStmt(_) => Class::Setting,
        Node::VariableShowStmt(_) => Class::Show,
        Node::DiscardStmt(_) => Class::Discard,
        Node::ListenStmt(_) | Node::UnlistenStmt(_) => Class::Listen,
        Node::NotifyStmt(_) => Class::Notify,
        Node::LockStmt(_) => Class::Lock,
        Node::DoStmt(_) | Node::CallStmt(_) => Class::Routine,
        Node::CreateTableAsStmt(_) => Class::CreateAs,
        Node::ClusterStmt(_)
        | Node::VacuumStmt(_)
        | Node::ReindexStmt(_)
        | Node::RefreshMatViewStmt(_)
        | Node::CheckPointStmt(_) => Class::Maintenance,
        _ => return of_definition(root),
    })
}

fn of_definition(root: &Node) -> Result<Class, NotUnderstood> {
    Ok(match root {
        Node::GrantStmt(_)
        | Node::GrantRoleStmt(_)
        | Node::AlterDefaultPrivilegesStmt(_)
        | Node::CreateRoleStmt(_)
        | Node::AlterRoleStmt(_)
        | Node::AlterRoleSetStmt(_)
        | Node::DropRoleStmt(_)
        | Node::DropOwnedStmt(_)
        | Node::ReassignOwnedStmt(_)
        | Node::AlterOwnerStmt(_)
        | Node::CreatePolicyStmt(_)
        | Node::AlterPolicyStmt(_)
        | Node::SecLabelStmt(_) => Class::Permission,
        Node::CreatedbStmt(_)
        | Node::AlterDatabaseStmt(_)
        | Node::AlterDatabaseSetStmt(_)
        | Node::AlterDatabaseRefreshCollStmt(_)
        | Node::DropdbStmt(_)
        | Node::CreateTableSpaceStmt(_)
        | Node::DropTableSpaceStmt(_)
        | Node::AlterTableSpaceOptionsStmt(_)
        | Node::AlterTableMoveAllStmt(_)
        | Node::AlterSystemStmt(_)
        | Node::LoadStmt(_)
        | Node::CreateFdwStmt(_)
        | Node::AlterFdwStmt(_)
        | Node::CreateForeignServerStmt(_)
        | Node::AlterForeignServerStmt(_)
        | Node::CreateUserMappingStmt(_)
        | Node::AlterUserMappingStmt(_)
        | Node::DropUserMappingStmt(_)
        | Node::ImportForeignSchemaStmt(_)
        | Node::CreatePublicationStmt(_)
        | Node::AlterPublicationStmt(_)
        | Node::CreateSubscriptionStmt(_)
        | Node::AlterSubscriptionStmt(_)
        | Node::DropSubscriptionStmt(_)
        | Node::CreateExtensionStmt(_)
        | Node::AlterExtensionStmt(_)
        | Node::AlterExtensionContentsStmt(_) => Class::Server,
        Node::CreateSchemaStmt(_)
        | Node::CreateStmt(_)
        | Node::CreateForeignTableStmt(_)
        | Node::CreateSeqStmt(_)
        | Node::AlterSeqStmt(_)
        | Node::DropStmt(_)
        | Node::CommentStmt(_) => Class::Define,
        Node::ViewStmt(_) => Class::View,
        Node::AlterTableStmt(_)
        | Node::AlterDomainStmt(_)
        | Node::IndexStmt(_)
        | Node::CreateStatsStmt(_)
        | Node::AlterStatsStmt(_)
        | Node::RenameStmt(_)
        | Node::AlterObjectSchemaStmt(_)
        | Node::AlterObjectDependsStmt(_) => Class::Alter,
        _ if is_code(root) => Class::Code,
        _ => return of_rare_definition(root),
    })
}

/// What runs code later.
fn is_code(root: &Node) -> bool {
    matches!(
        root,
        Node::RuleStmt(_)
            | Node::CreateTrigStmt(_)
            | Node::CreateEventTrigStmt(_)
            | Node::AlterEventTrigStmt(_)
            | Node::CreateFunctionStmt(_)
            | Node::AlterFunctionStmt(_)
            | Node::CreatePlangStmt(_)
            | Node::CreateCastStmt(_)
            | Node::CreateTransformStmt(_)
            | Node::CreateConversionStmt(_)
            | Node::CreateOpClassStmt(_)
            | Node::CreateOpFamilyStmt(_)
            | Node::AlterOpFamilyStmt(_)
            | Node::AlterOperatorStmt(_)
            | Node::CreateAmStmt(_)
    )
}

fn of_rare_definition(root: &Node) -> Result<Class, NotUnderstood> {
    Ok(match root {
        Node::DefineStmt(define) => of_define(define.kind),
        Node::CompositeTypeStmt(_)
        | Node::CreateEnumStmt(_)
        | Node::AlterEnumStmt(_)
        | Node::CreateRangeStmt(_)
        | Node::AlterTypeStmt(_)
        | Node::CreateDomainStmt(_)
        | Node::AlterCollationStmt(_)
        | Node::AlterTsdictionaryStmt(_)
        | Node::AlterTsconfigurationStmt(_) => Class::Define,
        _ => return Err(NotUnderstood),
    })
}

/// CREATE AGGREGATE, OPERATOR and TYPE name functions that run later.
fn of_define(kind: i32) -> Class {
    let kinds = [
        ObjectType::ObjectAggregate,
        ObjectType::ObjectOperator,
        ObjectType::ObjectType,
    ];
    match kinds.iter().any(|code| *code as i32 == kind) {
        true => Class::Code,
        false => Class::Define,
    }
}
