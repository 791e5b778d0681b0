import tseslint from 'typescript-eslint'

export default tseslint.config(
  { ignores: ['.cache/', 'dist/**', 'docs/api/**', '**/*.generated.ts'] },
  ...tseslint.configs.recommended,
  {
    rules: {
      '@typescript-eslint/no-explicit-any': 'error',
      'no-restricted-properties': [
        'error',
        ...[
          'exp',
          'log',
          'pow',
          'tanh',
          'sin',
          'cos',
          'tan',
          'expm1',
          'log1p',
          'sinh',
          'cosh',
          'atan',
          'asin',
          'acos',
          'asinh',
          'acosh',
          'atanh',
          'log2',
          'log10',
          'cbrt',
          'hypot',
          'atan2',
        ].map((property) => ({
          object: 'Math',
          property,
          message: 'differs between processors; see docs/numerics.md',
        })),
      ],
    },
  },
)
