/** A table as the database's catalog describes it: what a mapping file need not say. */
export interface CatalogTable {
  /** `r`: a plain table; `p`: partitioned; `v`: a view; … */
  readonly kind: string
  /** In the table's order. */
  readonly columns: readonly CatalogColumn[]
  /** What `ON CONFLICT` can name: the primary key first, then unique indexes. */
  readonly keys: readonly CatalogKey[]
}

export interface CatalogColumn {
  readonly name: string
  /** As `column-type.ts` reads it: `numeric(12,2)`, `timestamptz`, `text[]`, `sales.mood`. */
  readonly type: string
  /** Of a domain: the type that it restricts, in the same form. */
  readonly domainOf?: string
  readonly isNullable: boolean
  /** The database fills it where a row does not say: a default, or a sequence. */
  readonly hasDefault: boolean
  /**
   * Who computes it where a row must not say: nobody, the table (`GENERATED ALWAYS AS (…)`), or a sequence (`GENERATED ALWAYS
   * AS IDENTITY`; that of `BY DEFAULT` is a default).
   */
  readonly generated: 'never' | 'expression' | 'identity'
}

export interface CatalogKey {
  /** In the index's order. */
  readonly columns: readonly string[]
  readonly isPrimary: boolean
}
