{"variables": {}}
