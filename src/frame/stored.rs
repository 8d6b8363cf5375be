//! A Parquet file's rows as they are stored: some of them are taken without looking at the others, or at their texts.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::LazyLock;

use foldhash::fast::RandomState;
use polars::prelude::{CompatLevel, DataFrame, IntoColumn, PolarsResult, Series, polars_ensure, polars_err};
use polars_arrow::array::{Array, DictionaryArray, PrimitiveArray, new_null_array};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::compute::concatenate::concatenate_unchecked;
use polars_arrow::datatypes::{ArrowDataType, DTYPE_CATEGORICAL_NEW, Field, IntegerType, Metadata};
use polars_parquet::read::{
    BasicDecompressor, ColumnChunkMetadata, FileMetadata, Filter, PageReader, ParquetType, RowGroupMetadata,
    column_iter_to_arrays, read_metadata,
};
use polars_parquet::write::{CompressedPage, to_parquet_type};

use super::group::{GROUP_ROWS, Group};
use super::{Column, ColumnType, Frame, FrameError, constant, dictionary, schema};

/// A file of one of this program's tables.
pub(crate) struct StoredFile {
    content: Content,
    metadata: FileMetadata,
}

/// Where its bytes are.
enum Content {
    /// In memory: it takes longer to ask the system for each column of a small file than to read all.
    Held(Vec<u8>),
    /// In the file.
    File(File),
}

/// Bytes of a file that is read at once.
const SMALL: u64 = 64 << 10;

/// A row group of it, of which nothing is read yet.
pub(crate) struct StoredGroup<'f> {
    file: &'f StoredFile,
    metadata: &'f RowGroupMetadata,
}

impl StoredFile {
    /// Reads what a file says of itself. `None` if it has one of these columns in another type, or groups as this program writes none.
    ///
    /// # Errors
    /// It cannot be read, or is no sound Parquet file.
    pub(crate) fn open(path: &Path, columns: &[Column]) -> Result<Option<Self>, FrameError> {
        without_panic(|| Self::opened(path, columns))
    }

    fn opened(path: &Path, columns: &[Column]) -> PolarsResult<Option<Self>> {
        let mut file = File::open(path)?;
        let mut end = file.metadata()?.len();
        let (content, metadata) = if end <= SMALL {
            let mut bytes = Vec::with_capacity(end as usize);
            end = file.take(SMALL).read_to_end(&mut bytes)? as u64;
            let metadata = read_metadata(&mut Cursor::new(&bytes))?;
            (Content::Held(bytes), metadata)
        } else {
            let metadata = read_metadata(&mut file)?;
            (Content::File(file), metadata)
        };
        let kinds: HashMap<&str, ColumnType> = columns.iter().map(|column| (column.name.as_str(), column.kind)).collect();
        let is_other = |stored: &ParquetType| kinds.get(stored.name()).is_some_and(|kind| !is_stored_as(stored, *kind));
        // What a damaged file says is not asked of the memory.
        let is_ours = |group: &RowGroupMetadata| {
            let rows = group.num_rows();
            let is_sound = |chunk: &ColumnChunkMetadata| chunk.byte_range().end <= end && chunk.num_values() == rows as i64;
            rows <= GROUP_ROWS && group.parquet_columns().iter().all(is_sound)
        };
        let is_read = !metadata.schema().fields().iter().any(is_other) && metadata.row_groups.iter().all(is_ours);
        Ok(is_read.then_some(Self { content, metadata }))
    }

    /// All its rows; a column that the file lacks is null.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn rows(&self, columns: &[Column]) -> Result<Frame, FrameError> {
        self.rows_where(columns, |group, _| Ok(Bitmap::new_with_value(true, group.rows())), &BTreeMap::new())
    }

    /// Its rows in which column `by` has one of these whole numbers; a column that the file lacks has one value, or is null.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn rows_with(
        &self,
        columns: &[Column],
        (by, numbers): (&str, &HashSet<i64, RandomState>),
        constants: &BTreeMap<String, Option<String>>,
    ) -> Result<Frame, FrameError> {
        let by = Column::new(by, ColumnType::Whole);
        self.rows_where(columns, |group, _| group.with(&by, numbers), constants)
    }

    /// The same of its rows at some places, which are in ascending order.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn rows_at(
        &self,
        columns: &[Column],
        places: &[u32],
        constants: &BTreeMap<String, Option<String>>,
    ) -> Result<Frame, FrameError> {
        let at = |group: &StoredGroup<'_>, first: usize| {
            let behind = |end: usize| places.partition_point(|place| (*place as usize) < end);
            let mut is_wanted = vec![false; group.rows()];
            for place in &places[behind(first)..behind(first + group.rows())] {
                is_wanted[*place as usize - first] = true;
            }
            Ok(Bitmap::from_iter(is_wanted))
        };
        self.rows_where(columns, at, constants)
    }

    /// Those of its rows that are wanted of each group, behind so many others.
    fn rows_where(
        &self,
        columns: &[Column],
        wanted: impl Fn(&StoredGroup<'_>, usize) -> PolarsResult<Bitmap>,
        constants: &BTreeMap<String, Option<String>>,
    ) -> Result<Frame, FrameError> {
        let found = || {
            let (mut rows, mut behind) = (DataFrame::empty_with_schema(&schema::polars_schema(columns.iter())), 0);
            for group in self.groups() {
                let wanted = wanted(&group, behind)?;
                behind += group.rows();
                if wanted.set_bits() > 0 {
                    rows.vstack_mut_owned(group.rows_of(columns, &wanted, constants)?)?;
                }
            }
            Ok(Frame(rows))
        };
        without_panic(found)
    }

    /// The whole number of each row in a column; `None` if a row has none.
    ///
    /// # Errors
    /// It is damaged.
    pub(crate) fn wholes(&self, column: &str) -> Result<Option<Vec<i64>>, FrameError> {
        let column = Column::new(column, ColumnType::Whole);
        without_panic(|| {
            let mut numbers = Vec::new();
            for group in self.groups() {
                let cells = group.cells(&column, &Bitmap::new_with_value(true, group.rows()), false)?;
                match cells.as_any().downcast_ref::<PrimitiveArray<i64>>() {
                    Some(cells) if cells.null_count() == 0 => numbers.extend_from_slice(cells.values()),
                    _ => return Ok(None),
                }
            }
            Ok(Some(numbers))
        })
    }

    /// The row groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = StoredGroup<'_>> {
        self.metadata.row_groups.iter().map(|metadata| StoredGroup { file: self, metadata })
    }
}

impl StoredGroup<'_> {
    /// How many rows it has.
    pub(crate) fn rows(&self) -> usize {
        self.metadata.num_rows()
    }

    /// Those of its rows that are wanted, in some columns; one that the file lacks is null. Texts that are numbers of a dictionary stay so.
    ///
    /// # Errors
    /// The file is damaged.
    pub(crate) fn take(&self, columns: &[Column], wanted: Vec<bool>) -> Result<Group, FrameError> {
        let (wanted, rows) = (Bitmap::from_iter(wanted), self.rows());
        let taken = || {
            polars_ensure!(wanted.len() == rows, ComputeError: "{} of {rows} rows are asked for", wanted.len());
            let columns = columns.iter().map(|column| Ok((column.name.clone(), self.numbered_cells(column, &wanted)?)));
            Ok(Group { rows: wanted.set_bits(), columns: columns.collect::<PolarsResult<_>>()? })
        };
        without_panic(taken)
    }

    /// Which of its rows have one of these numbers in a column.
    fn with(&self, by: &Column, numbers: &HashSet<i64, RandomState>) -> PolarsResult<Bitmap> {
        let cells = self.cells(by, &Bitmap::new_with_value(true, self.rows()), false)?;
        let Some(cells) = cells.as_any().downcast_ref::<PrimitiveArray<i64>>() else {
            return Ok(Bitmap::new_zeroed(self.rows()));
        };
        Ok(cells.iter().map(|number| number.is_some_and(|number| numbers.contains(number))).collect())
    }

    fn rows_of(
        &self,
        columns: &[Column],
        wanted: &Bitmap,
        constants: &BTreeMap<String, Option<String>>,
    ) -> PolarsResult<DataFrame> {
        let rows = wanted.set_bits();
        let cells = |column: &Column| match constants.get(&column.name) {
            Some(value) => constant(column, value.as_deref(), rows),
            None => Ok(Series::from_arrow(column.name.as_str().into(), self.cells(column, wanted, false)?)?.into_column()),
        };
        DataFrame::new(rows, columns.iter().map(cells).collect::<PolarsResult<_>>()?)
    }

    /// The cells of a column; those that repeat are numbers of a dictionary.
    pub(super) fn numbered_cells(&self, column: &Column, wanted: &Bitmap) -> PolarsResult<Box<dyn Array>> {
        let is_numbered = self.chunk(&column.name).is_some_and(|chunk| chunk.dictionary_page_offset().is_some());
        let cells = self.cells(column, wanted, is_numbered && column.kind == ColumnType::Text)?;
        match cells.as_any().downcast_ref::<DictionaryArray<u32>>() {
            Some(numbers) => Ok(dictionary::without_unused(numbers)?.boxed()),
            None if is_numbered => dictionary::numbered(cells),
            None => Ok(cells),
        }
    }

    /// The cells of a column, or their numbers in its dictionary.
    pub(super) fn cells(&self, column: &Column, wanted: &Bitmap, as_numbers: bool) -> PolarsResult<Box<dyn Array>> {
        let dtype = schema::polars_type(column.kind).to_arrow(CompatLevel::newest());
        let Some(chunk) = self.chunk(&column.name) else { return Ok(new_null_array(dtype, wanted.set_bits())) };
        let field = Field::new(column.name.as_str().into(), dtype, true);
        let field = if as_numbers { numbered(field) } else { field };
        let pages = BasicDecompressor::new(self.reader(chunk)?, Vec::new());
        let kind = &chunk.descriptor().descriptor.primitive_type;
        let rows = wanted.set_bits();
        let wanted = (wanted.unset_bits() > 0).then(|| Filter::new_masked(wanted.clone()));
        let (arrays, _) = column_iter_to_arrays(vec![pages], vec![kind], field, wanted)?;
        let cells = concatenate_unchecked(&arrays)?;
        // A damaged page may hold less than it says.
        polars_ensure!(cells.len() == rows, ComputeError: "column `{}` has {} cells for {rows} rows", column.name, cells.len());
        Ok(cells)
    }

    /// The pages of a column as they are stored: one, beside that of its dictionary. `None` if the file lacks it, has more, or says of the page
    /// something else than the page itself: whoever reads that would not find the rows.
    pub(super) fn pages(&self, column: &str) -> PolarsResult<Option<Vec<CompressedPage>>> {
        let Some(chunk) = self.chunk(column) else { return Ok(None) };
        let mut pages = self.reader(chunk)?.collect::<Result<Vec<_>, _>>()?;
        let ([CompressedPage::Data(page)] | [CompressedPage::Dict(_), CompressedPage::Data(page)]) = pages.as_mut_slice() else {
            return Ok(None);
        };
        let said = chunk.statistics(&self.file.metadata.footer_buf).transpose()?;
        if page.num_values() != self.rows() || page.statistics().transpose()? != said {
            return Ok(None);
        }
        page.num_rows = Some(page.num_values());
        Ok(Some(pages))
    }

    fn reader(&self, chunk: &ColumnChunkMetadata) -> PolarsResult<PageReader> {
        Ok(PageReader::new(Cursor::new(self.read(chunk)?.into()), chunk, Vec::new(), usize::MAX))
    }

    /// The bytes of a column.
    fn read(&self, chunk: &ColumnChunkMetadata) -> PolarsResult<Vec<u8>> {
        let range = chunk.byte_range();
        match &self.file.content {
            Content::Held(bytes) => {
                let column = bytes.get(range.start as usize..range.end as usize);
                column.map(<[u8]>::to_vec).ok_or_else(|| polars_err!(ComputeError: "a column lies outside of its file"))
            }
            Content::File(file) => {
                let (mut file, mut bytes) = (file, vec![0; (range.end - range.start) as usize]);
                file.seek(SeekFrom::Start(range.start))?;
                file.read_exact(&mut bytes)?;
                Ok(bytes)
            }
        }
    }

    fn chunk(&self, column: &str) -> Option<&ColumnChunkMetadata> {
        self.metadata.columns_under_root_iter(column)?.next()
    }
}

/// Whether a column is stored as this program stores those of a type.
fn is_stored_as(stored: &ParquetType, kind: ColumnType) -> bool {
    /// How it does: the names of these columns are empty.
    static STORED: LazyLock<HashMap<ColumnType, ParquetType>> = LazyLock::new(|| {
        let stored = |kind| {
            let dtype = schema::polars_type(kind).to_arrow(CompatLevel::newest());
            Some((kind, to_parquet_type(&Field::new("".into(), dtype, true)).ok()?))
        };
        ColumnType::ALL.into_iter().filter_map(stored).collect()
    });
    match (stored, STORED.get(&kind)) {
        (ParquetType::PrimitiveType(stored), Some(ParquetType::PrimitiveType(expected))) => {
            (stored.physical_type, stored.logical_type, stored.converted_type)
                == (expected.physical_type, expected.logical_type, expected.converted_type)
                && (stored.field_info.repetition, stored.field_info.id)
                    == (expected.field_info.repetition, expected.field_info.id)
        }
        _ => false,
    }
}

/// What is read of a file, over whose damage the library may panic.
pub(super) fn without_panic<T>(read: impl FnOnce() -> PolarsResult<T>) -> Result<T, FrameError> {
    let gave_up = |_| Err(polars_err!(ComputeError: "the reader gave up"));
    Ok(catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(gave_up)?)
}

/// The field of a column of texts, to be read as the numbers of its dictionary.
fn numbered(field: Field) -> Field {
    let dtype = ArrowDataType::Dictionary(IntegerType::UInt32, Box::new(field.dtype), false);
    let says_so: Metadata = [(DTYPE_CATEGORICAL_NEW.into(), "".into())].into_iter().collect();
    Field::new(field.name, dtype, field.is_nullable).with_metadata(says_so)
}
