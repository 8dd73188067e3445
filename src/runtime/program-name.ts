/** How its users call the program: in a checkout by its path, in an installed package through npm. */
export const programName = import.meta.filename.endsWith('.ts') ? 'bin/ingester' : 'npx ingester'
