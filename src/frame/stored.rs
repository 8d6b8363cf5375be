//! A Parquet file's rows as they are stored: some of them are taken without looking at their texts.

use std::fs::File;
use std::io::{Cursor, Read, Seek, SeekFrom};
use std::path::Path;

use polars::prelude::{CompatLevel, PolarsError, PolarsResult, SchemaExt};
use polars_arrow::array::{Array, DictionaryArray, new_null_array};
use polars_arrow::bitmap::Bitmap;
use polars_arrow::compute::concatenate::concatenate_unchecked;
use polars_arrow::datatypes::{ArrowDataType, DTYPE_CATEGORICAL_NEW, Field, IntegerType, Metadata};
use polars_parquet::read::{
    BasicDecompressor, ColumnChunkMetadata, FileMetadata, Filter, PageReader, ParquetType, RowGroupMetadata,
    column_iter_to_arrays, read_metadata,
};
use polars_parquet::write::to_parquet_type;

use super::group::Group;
use super::{Column, ColumnType, FrameError, dictionary, schema};

/// A file of one of this program's tables.
pub(crate) struct StoredFile {
    file: File,
    metadata: FileMetadata,
}

/// A row group of it, of which nothing is read yet.
pub(crate) struct StoredGroup<'f> {
    file: &'f File,
    metadata: &'f RowGroupMetadata,
}

impl StoredFile {
    /// Reads what a file says of itself. `None` if it has one of these columns in another type.
    ///
    /// # Errors
    /// It cannot be read, or is no Parquet file.
    pub(crate) fn open(path: &Path, columns: &[Column]) -> Result<Option<Self>, FrameError> {
        let mut file = File::open(path).map_err(PolarsError::from)?;
        let metadata = read_metadata(&mut file)?;
        let expected = schema::polars_schema(columns.iter()).to_arrow(CompatLevel::newest());
        let expected = expected.iter_values().map(to_parquet_type).collect::<PolarsResult<Vec<_>>>()?;
        let stored = metadata.schema().fields();
        let is_other = |of: &ParquetType| expected.iter().any(|field| field.name() == of.name() && field != of);
        Ok(if stored.iter().any(is_other) { None } else { Some(Self { file, metadata }) })
    }

    /// The row groups.
    pub(crate) fn groups(&self) -> impl Iterator<Item = StoredGroup<'_>> {
        self.metadata.row_groups.iter().map(|metadata| StoredGroup { file: &self.file, metadata })
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
        let wanted = Bitmap::from_iter(wanted);
        let columns = columns.iter().map(|column| Ok((column.name.clone(), self.cells(column, &wanted)?)));
        Ok(Group { rows: wanted.set_bits(), columns: columns.collect::<PolarsResult<_>>()? })
    }

    fn cells(&self, column: &Column, wanted: &Bitmap) -> PolarsResult<Box<dyn Array>> {
        let dtype = schema::polars_type(column.kind).to_arrow(CompatLevel::newest());
        let Some(chunk) = self.chunk(&column.name) else { return Ok(new_null_array(dtype, wanted.set_bits())) };
        let field = Field::new(column.name.as_str().into(), dtype, true);
        let is_numbered = column.kind == ColumnType::Text && chunk.dictionary_page_offset().is_some();
        let field = if is_numbered { numbered(field) } else { field };
        let reader = PageReader::new(Cursor::new(self.read(chunk)?.into()), chunk, Vec::new(), usize::MAX);
        let pages = BasicDecompressor::new(reader, Vec::new());
        let kind = &chunk.descriptor().descriptor.primitive_type;
        let wanted = (wanted.unset_bits() > 0).then(|| Filter::new_masked(wanted.clone()));
        let (arrays, _) = column_iter_to_arrays(vec![pages], vec![kind], field, wanted)?;
        let cells = concatenate_unchecked(&arrays)?;
        match cells.as_any().downcast_ref::<DictionaryArray<u32>>() {
            Some(numbers) => Ok(dictionary::without_unused(numbers)?.boxed()),
            None if chunk.dictionary_page_offset().is_some() => dictionary::numbered(cells),
            None => Ok(cells),
        }
    }

    /// The bytes of a column.
    fn read(&self, chunk: &ColumnChunkMetadata) -> std::io::Result<Vec<u8>> {
        let (range, mut file) = (chunk.byte_range(), self.file);
        let mut bytes = vec![0; (range.end - range.start) as usize];
        file.seek(SeekFrom::Start(range.start))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    fn chunk(&self, column: &str) -> Option<&ColumnChunkMetadata> {
        self.metadata.columns_under_root_iter(column)?.next()
    }
}

/// The field of a column of texts, to be read as the numbers of its dictionary.
fn numbered(field: Field) -> Field {
    let dtype = ArrowDataType::Dictionary(IntegerType::UInt32, Box::new(field.dtype), false);
    let says_so: Metadata = [(DTYPE_CATEGORICAL_NEW.into(), "".into())].into_iter().collect();
    Field::new(field.name, dtype, field.is_nullable).with_metadata(says_so)
}
