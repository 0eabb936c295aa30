"""Products: the search, a product with its tabs and raw records, and each answer to one that is not there."""

from tests.console.pages import MatrixPage

_PRODUCTS = "/console/pharmacies/{cnpj}/products"

PAGES = [
    MatrixPage("/console/products", "Which pharmacy's product?"),
    MatrixPage("/console/products?pharmacy=nobody", "No pharmacy has this name"),
    MatrixPage(_PRODUCTS, "products"),
    MatrixPage(_PRODUCTS + "?q={product}&sort=price", "product"),
    MatrixPage(_PRODUCTS + "?q=7890000000000", "Rejected records with the EAN"),
    MatrixPage(_PRODUCTS + "/{product}", "Came from"),
    MatrixPage(_PRODUCTS + "/{product}?tab=batches", "Outcome"),
    MatrixPage(_PRODUCTS + "/{product}?tab=history", "first load"),
    MatrixPage(_PRODUCTS + "/{hostile_product}", "<script>"),
    MatrixPage(_PRODUCTS + "/{hostile_product}?tab=history", "new product"),
    MatrixPage(_PRODUCTS + "/{hostile_product}/records/{partial}", "Value as sent"),
    MatrixPage(_PRODUCTS + "/{refused_product}", "was rejected"),
    MatrixPage(_PRODUCTS + "/{refused_product}/records/{partial}", "TITLE"),
    MatrixPage(_PRODUCTS + "/987654321", "The batches looked at do not have product 987654321"),
    MatrixPage(_PRODUCTS + "/no-number", "There is no such page", status=404),
]
