export default { base: './', worker: { format: 'es' }, build: { outDir: 'vite', target: 'es2023' } }
