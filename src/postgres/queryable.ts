import type pg from 'pg'

/** What can run a statement: a connection, in a transaction or not. */
export type Queryable = Pick<pg.ClientBase, 'query'>
