//! Records of a delivery that become columns.

use super::*;

/// Records as columns of texts, and the file of them that is written.
fn written(folder: &Folder, columns: &mut RecordColumns, records: &[Vec<String>], lines: &[u64]) -> (Group, PathBuf) {
    let names: Vec<Column> = (0..records[0].len()).map(|at| Column::new(&format!("c{at}"), ColumnType::Text)).collect();
    let own = schema::columns![_source_line Whole, at Time, same Text];
    let all = [&own[..2], &names, &own[2..]].concat();
    let cells = records.iter().flatten().map(String::as_str);
    let at = ("at", Timestamp::from_micros(-7));
    let group = columns.group(cells, &[("_source_line", lines)], &[("same", "a text that is everywhere")], at).unwrap();
    let group = group.arranged(&all).unwrap();
    let path = folder.path("records");
    let mut writer = FrameWriter::create(&path, &all).unwrap();
    writer.push_group(Group { rows: group.rows, columns: group.columns.clone() }).unwrap();
    writer.finish().unwrap();
    (group, path)
}

fn expected(records: &[Vec<String>], lines: &[u64]) -> Vec<Vec<Value>> {
    let row = |(record, line): (&Vec<String>, &u64)| {
        let cells = record.iter().map(|cell| Value::Text(cell.clone()));
        let own = [Value::Whole(*line as i64), Value::Time(Timestamp::from_micros(-7))];
        own.into_iter().chain(cells).chain([Value::Text("a text that is everywhere".into())]).collect()
    };
    records.iter().zip(lines).map(row).collect()
}

/// Texts of any length, of few or many values, batch after batch: each is in the file as it was, and is stored as any column of such texts is.
#[test]
fn records_become_columns_whatever_their_cells() {
    let folder = Folder::new();
    let long = "µ text of more bytes than are compared at once: ";
    let of: [&dyn Fn(usize) -> String; 9] = [
        &|n| n.to_string(),
        &|n| "ab\0µ€-xyzÄÖÜß1234567".chars().skip(n % 7).take(n % 17).collect(),
        &|n| format!("{long}{}", n % 5),
        &|n| format!("{long}{n}"),
        &|n| (n % 3_000).to_string(),
        &|n| if n < 4_200 { n.to_string() } else { String::new() },
        &|n| (n - n % 4 / 3).to_string(),
        &|n| (n - n % 40 / 39).to_string(),
        &|n| if n < 3_000 { "a".into() } else { format!("{:x}", n * n) },
    ];
    let names: Vec<String> = (0..of.len()).map(|at| format!("c{at}")).collect();
    let mut columns = RecordColumns::new(&names);
    for (from, rows) in [(0, 9_000), (9_000, 5_000), (3, 100), (0, 128), (0, 129), (17, 1)] {
        let records: Vec<Vec<String>> = (from..from + rows).map(|n| of.iter().map(|of| of(n)).collect()).collect();
        let lines: Vec<u64> = (0..rows as u64).map(|line| line + 2).collect();
        let (group, path) = written(&folder, &mut columns, &records, &lines);
        assert_eq!(rows_of(&path), expected(&records, &lines));
        let text = |record: &Vec<String>| record.iter().map(|cell| Value::Text(cell.clone())).collect::<Vec<_>>();
        let of_names: Vec<Column> = names.iter().map(|name| Column::new(name, ColumnType::Text)).collect();
        let frame = Frame::from_rows(&of_names, &records.iter().map(text).collect::<Vec<_>>()).unwrap();
        let alike = frame.groups(&of_names).unwrap().next().unwrap().unwrap();
        for (at, (name, cells)) in alike.columns.iter().enumerate() {
            assert_eq!(group.columns[2 + at].0, *name);
            assert_eq!(&group.columns[2 + at].1, cells, "{name} from {from}");
        }
    }
}

#[test]
fn rows_without_a_column_of_their_file_are_not_taken() {
    let group = RecordColumns::new(&[]).group(std::iter::empty(), &[("line", &[1])], &[], ("at", Timestamp::from_micros(0)));
    let error = group
        .unwrap()
        .arranged(&[Column::new("line", ColumnType::Whole), Column::new("nowhere", ColumnType::Text)])
        .err()
        .unwrap()
        .to_string();
    assert!(error.contains("nowhere"), "{error}");
}
