-- expand
-- Where a product came from: rejections and warnings of a batch are found by product and by EAN, so that no page reads all
-- of a batch.

CREATE INDEX record_issues_product ON record_issues (batch_id, product_id);
CREATE INDEX record_issues_ean ON record_issues (batch_id, ean) WHERE severity = 'rejected' AND ean <> '';
