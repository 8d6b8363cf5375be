//! Which columns of a list are shown, and in which order.

use crate::app::keys::Verb;
use crate::app::screen::{Effect, Offer, Room, Screen};
use crate::app::table::{Column, Listing, Table};
use crate::app::view::{Empty, Read, TablePart, Tone, View};
use crate::app::world::World;
use crate::frame::{Frame, Value, schema};
use crate::model::Timestamp;

struct Columns {
    /// Field, heading, and whether it is shown.
    columns: Vec<(String, String, bool)>,
    table: Table,
}

/// The columns of a list.
pub fn of(table: &Table) -> Box<dyn Screen> {
    let columns = table.all_columns();
    let columns = columns.iter().map(|(column, shown)| (column.field.clone(), column.title.clone(), *shown)).collect();
    let mut screen = Columns { columns, table: Table::new("columns-of", &[]) };
    screen.fill();
    Box::new(screen)
}

impl Columns {
    fn fill(&mut self) {
        let fields = schema::columns![shown Text, title Text, field Text];
        let row = |(field, title, shown): &(String, String, bool)| {
            let title = if title.is_empty() { field } else { title };
            vec![Value::Text(if *shown { "✓" } else { " " }.into()), Value::Text(title.clone()), Value::Text(field.clone())]
        };
        self.table.fill(Listing {
            rows: Frame::from_rows(&fields, &self.columns.iter().map(row).collect::<Vec<_>>()).unwrap_or_default(),
            columns: vec![
                Column::plain("shown", "").priority(0),
                Column::text("title", "column").priority(0),
                Column::text("field", "name in exports").priority(1),
            ],
            key: &["field"],
            paint: |_, field, _| if field == "field" { Tone::Dim } else { Tone::Text },
        });
    }

    fn shift(&mut self, by: isize) -> Vec<Effect> {
        let Some(row) = self.table.selected() else { return Vec::new() };
        let to = row.saturating_add_signed(by).min(self.columns.len() - 1);
        let moved = self.columns.remove(row);
        let field = moved.0.clone();
        self.columns.insert(to, moved);
        self.fill();
        vec![Effect::Below(Box::new(move |table| table.move_column(&field, by)))]
    }
}

impl Screen for Columns {
    fn title(&self) -> String {
        "Columns".into()
    }

    fn purpose(&self) -> &'static str {
        "Which columns of the list are shown, and in which order; it is remembered."
    }

    fn room(&self) -> Room {
        Room::Box(60, u16::try_from(self.columns.len() + 4).unwrap_or(u16::MAX))
    }

    fn offers(&self, _: &World) -> Vec<Offer> {
        vec![(Verb::Enter, "show or hide"), (Verb::Left, "to the left"), (Verb::Right, "to the right"), (Verb::Back, "done")]
    }

    fn act(&mut self, verb: Verb, _: &World) -> Option<Vec<Effect>> {
        match verb {
            Verb::Enter | Verb::Whole => {
                let row = self.table.selected()?;
                let is_last = self.columns[row].2 && self.columns.iter().filter(|column| column.2).count() == 1;
                if is_last {
                    return Some(vec![Effect::Say("one column stays".into())]);
                }
                self.columns[row].2 = !self.columns[row].2;
                let field = self.columns[row].0.clone();
                self.fill();
                Some(vec![Effect::Below(Box::new(move |table| table.toggle_column(&field)))])
            }
            Verb::Left => Some(self.shift(-1)),
            Verb::Right => Some(self.shift(1)),
            Verb::Columns => Some(vec![Effect::Close]),
            _ => None,
        }
    }

    fn table(&self) -> Option<&Table> {
        Some(&self.table)
    }

    fn table_mut(&mut self) -> Option<&mut Table> {
        Some(&mut self.table)
    }

    fn view<'a>(&'a self, _: &'a World) -> View<'a> {
        View::Table(TablePart {
            title: "Columns".into(),
            from: "",
            read: Read::At(Timestamp::from_micros(0)),
            table: &self.table,
            empty: Empty::default(),
            focused: true,
        })
    }
}
