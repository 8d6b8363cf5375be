//! The columns of the common model: what every utility's feeders and DERs are described by.
//!
//! Declared once: what an adapter can map, what is conformed, hashed, compared between months and published follows from
//! these lists.

use super::{Dataset, Unit};

/// What has versions: feeders and DERs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Entity {
    /// Feeders, by utility and id.
    Feeders,
    /// DERs, by utility, status and id.
    Ders,
}

impl Entity {
    /// Every entity.
    pub const ALL: [Self; 2] = [Self::Feeders, Self::Ders];

    /// The word used in tables, rules and commands.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Feeders => "feeders",
            Self::Ders => "ders",
        }
    }

    /// The column that identifies it in its records.
    pub const fn id(self) -> &'static str {
        match self {
            Self::Feeders => "feeder_id",
            Self::Ders => "der_id",
        }
    }

    /// What a dataset is about.
    pub const fn of(dataset: Dataset) -> Self {
        match dataset {
            Dataset::Circuits => Self::Feeders,
            Dataset::InstallDer | Dataset::PlannedDer => Self::Ders,
        }
    }

    /// The columns that adapters can map.
    pub fn mapped(self) -> impl Iterator<Item = &'static ModelColumn> + Clone {
        MODEL_COLUMNS.iter().filter(move |column| column.entity == self && column.origin == Origin::Mapped)
    }

    /// The columns that describe a version, in the order in which they are hashed; a change of any of them is a change.
    pub fn described(self) -> impl Iterator<Item = &'static ModelColumn> + Clone {
        MODEL_COLUMNS.iter().filter(move |column| column.entity == self && column.role == Role::Describes)
    }
}

/// A column of the common model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModelColumn {
    /// The name in the tables.
    pub name: &'static str,
    /// What it is about.
    pub entity: Entity,
    /// What its cells are.
    pub kind: ModelKind,
    /// Where it comes from.
    pub origin: Origin,
    /// What it is for.
    pub role: Role,
}

/// What cells of a column of the model are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// Text.
    Text,
    /// Text that identifies something.
    Id,
    /// A number, as delivered.
    Number,
    /// A power in a unit.
    Power(Unit),
    /// A day.
    Date,
    /// A time.
    Timestamp,
    /// A count.
    Count,
}

impl ModelKind {
    /// The SQL type of a value.
    pub const fn sql(self) -> &'static str {
        match self {
            Self::Text | Self::Id => "VARCHAR",
            Self::Number | Self::Power(_) => "DOUBLE",
            Self::Date => "DATE",
            Self::Timestamp => "TIMESTAMP",
            Self::Count => "BIGINT",
        }
    }
}

/// Where the values of a column come from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// From the source columns that an adapter names.
    Mapped,
    /// From other columns, or other records.
    Derived,
}

/// What a column is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It identifies the entity, or another one.
    Identifies,
    /// It describes the entity.
    Describes,
}

macro_rules! model {
    ($($entity:ident { $($name:ident $kind:ident $(($unit:ident))? $origin:ident $role:ident),* $(,)? })*) => {
        /// Every column of the model.
        pub const MODEL_COLUMNS: &[ModelColumn] = &[$($(ModelColumn {
            name: stringify!($name),
            entity: Entity::$entity,
            kind: ModelKind::$kind $((Unit::$unit))?,
            origin: Origin::$origin,
            role: Role::$role,
        }),*),*];
    };
}

model! {
    Feeders {
        feeder_id Id Mapped Identifies,
        circuit_id Id Mapped Identifies,
        voltage_kv Number Mapped Describes,
        max_hosting_capacity_mw Power(Megawatt) Mapped Describes,
        min_hosting_capacity_mw Power(Megawatt) Mapped Describes,
        hca_refresh_date Date Mapped Describes,
        map_color Text Mapped Describes,
        notes Text Mapped Describes,
        length Number Mapped Describes,
        segment_count Count Derived Describes,
        circuit_count Count Derived Describes,
    }
    Ders {
        der_id Id Mapped Identifies,
        feeder_ref Id Mapped Describes,
        der_type Text Mapped Describes,
        der_type_source Text Derived Describes,
        technologies Text Derived Describes,
        nameplate_kw Power(Kilowatt) Mapped Describes,
        inverter_nameplate_kw Power(Kilowatt) Mapped Describes,
        interconnection_cost_usd Number Mapped Describes,
        planned_in_service_date Date Mapped Describes,
        completion_date Date Mapped Describes,
        queue_position_at Timestamp Mapped Describes,
        project_status Text Mapped Describes,
        service_address Text Mapped Describes,
        feeder_id Id Derived Describes,
        feeder_match Text Derived Describes,
    }
}
